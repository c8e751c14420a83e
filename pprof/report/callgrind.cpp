// The nodes of a graph for other tools: callgrind's format, and a profile of single frames.
#include <array>
#include <charconv>
#include <map>
#include <tuple>

#include "pprof/encode.h"
#include "pprof/report/report.h"
#include "pprof/truncate.h"
#include "pprof/units.h"

namespace heapwatch::pprof {
namespace {

/// The name the first time, with a number; the number alone after that.
class ShortNames {
 public:
  std::string operator()(const std::string& name) {
    if (name.empty()) {
      return "";
    }
    const auto [at, is_new] = numbers_.emplace(name, numbers_.size() + 1);
    const std::string number = "(" + std::to_string(at->second) + ")";
    return is_new ? number + " " + name : number;
  }

 private:
  std::map<std::string, std::size_t> numbers_;
};

std::string hex(std::uint64_t number) {
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
  return "0x" + std::string(digits.data(), end);
}

std::string address_after(const NodeInfo* previous, std::uint64_t address) {
  std::string absolute = hex(address);
  if (previous == nullptr) {
    return absolute;
  }
  if (previous->address == address) {
    return "*";
  }
  const auto distance = static_cast<std::int64_t>(address - previous->address);
  const std::string relative = (distance >= 0 ? "+" : "") + std::to_string(distance);
  return relative.size() < absolute.size() ? relative : absolute;
}

std::int64_t in_output_unit(const Report& report, std::int64_t value) {
  return truncate_to_int(scale(value, report.sample_unit, report.output_unit).value);
}

/// Names for callees: functions that share file and name are told apart by ` [1/2]`.
std::vector<std::string> distinct_names(const Report& report, const Graph& graph) {
  // The function a node belongs to is the node without its place in it; in a tree, below one node.
  using FunctionKey = std::tuple<StringId, std::int64_t, std::uint32_t>;
  std::map<std::pair<StringId, StringId>, std::map<FunctionKey, std::size_t>> numbers;
  const auto key = [](const Node& node) {
    return FunctionKey{node.info.object_file, node.info.start_line, node.caller};
  };
  for (const std::uint32_t at : graph.order) {
    const Node& node = graph.nodes[at];
    auto& functions = numbers[{node.info.file, node.info.name}];
    functions.emplace(key(node), functions.size() + 1);
  }
  std::vector<std::string> names(graph.nodes.size());
  for (const std::uint32_t at : graph.order) {
    const Node& node = graph.nodes[at];
    const auto& functions = numbers[{node.info.file, node.info.name}];
    names[at] = report.profile.text(node.info.name);
    if (functions.size() > 1) {
      names[at] += " [" + std::to_string(functions.at(key(node))) + "/" +
                   std::to_string(functions.size()) + "]";
    }
  }
  return names;
}

}  // namespace

ReportText callgrind_report(Report& report) {
  const TrimmedGraph trimmed = graph_of(report, EdgeWish::Kind::all);
  const Graph& graph = trimmed.graph;
  const std::vector<std::string> names = distinct_names(report, graph);
  const auto text = [&](StringId id) { return std::string(report.profile.text(id)); };
  ShortNames objects;
  ShortNames files;
  ShortNames functions;
  const NodeInfo* previous = nullptr;
  std::string out =
      "positions: instr line\nevents: " + report.type + "(" + report.output_unit + ")\n";
  for (const std::uint32_t at : graph.order) {
    const Node& node = graph.nodes[at];
    const NodeInfo& info = node.info;
    if (previous == nullptr || info.object_file != previous->object_file ||
        info.file != previous->file || info.name != previous->name) {
      out += "\nob=" + objects(text(info.object_file)) + "\nfl=" + files(text(info.file)) +
             "\nfn=" + functions(text(info.name)) + "\n";
    }
    out += address_after(previous, info.address) + " " + std::to_string(info.line) + " " +
           std::to_string(in_output_unit(report, node.flat.value())) + "\n";
    std::vector<std::uint32_t> calls = node.out;
    sort_edges(calls, graph, report.profile.strings);
    for (const std::uint32_t call : calls) {
      const Edge& edge = graph.edges[call];
      const NodeInfo& callee = graph.nodes[edge.to].info;
      out += "cfl=" + files(text(callee.file)) + "\ncfn=" + functions(names[edge.to]) +
             "\ncalls=0 " + address_after(previous, callee.address) + " " +
             std::to_string(callee.line) + "\n* * " +
             std::to_string(in_output_unit(report, edge.weight.sum)) + "\n";
    }
    previous = &info;
  }
  return out;
}

ReportText topproto_report(Report& report) {
  const TrimmedGraph trimmed = graph_of(report, EdgeWish::Kind::none);
  const Profile& profile = report.profile;
  Profile top;
  const auto copy = [&](StringId id) { return top.strings.add(profile.text(id)); };
  const StringId unit = top.strings.add(report.output_unit);
  top.sample_types = {{top.strings.add("cum"), unit}, {top.strings.add("flat"), unit}};
  top.samples.set_type_count(2);
  top.time_nanos = profile.time_nanos;
  top.duration_nanos = profile.duration_nanos;
  top.period_type = {copy(profile.period_type.type), copy(profile.period_type.unit)};
  top.period = profile.period;
  std::map<std::tuple<StringId, StringId, std::int64_t>, std::uint32_t> functions;
  for (const std::uint32_t at : trimmed.graph.order) {
    const Node& node = trimmed.graph.nodes[at];
    const NodeInfo& info = node.info;
    const auto [function, is_new] =
        functions.emplace(std::tuple(info.name, info.file, info.start_line),
                          static_cast<std::uint32_t>(top.functions.size()));
    if (is_new) {
      top.functions.push_back({.id = top.functions.size() + 1U,
                               .name = copy(info.name),
                               .file = copy(info.file),
                               .start_line = info.start_line});
    }
    const auto position = static_cast<std::uint32_t>(top.locations.size());
    top.lines.push_back({.function = function->second, .line = info.line});
    top.locations.push_back(
        {.id = position + 1U, .address = info.address, .first_line = position, .line_count = 1});
    top.samples.add_frame(position);
    top.samples.add_value(in_output_unit(report, node.cum.value()));
    top.samples.add_value(in_output_unit(report, node.flat.value()));
    top.samples.finish_sample();
  }
  return encode_proto(top);
}

}  // namespace heapwatch::pprof
