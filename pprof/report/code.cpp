#include "pprof/report/code.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "pprof/regex.h"

namespace heapwatch::pprof {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

/// `0x401136` or a number; nothing: a regular expression.
std::optional<std::uint64_t> address_in(std::string_view pattern) {
  const int radix = pattern.starts_with("0x") || pattern.starts_with("0X") ? 16 : 10;
  pattern.remove_prefix(radix == 16 ? 2 : 0);
  std::uint64_t address = 0;
  const char* const end = pattern.data() + pattern.size();
  const auto read = std::from_chars(pattern.data(), end, address, radix);
  return read.ec == std::errc() && read.ptr == end && !pattern.empty() ? std::optional(address)
                                                                       : std::nullopt;
}

/// A node of the graph and where it is in its file.
struct Place {
  std::uint64_t address = 0;
  const Node* node = nullptr;
};

/// Samples fall to the last instruction that begins before the next one: an address may be in the
/// middle of one.
void weigh(std::vector<WeighedInstruction>& instructions, const std::vector<Place>& places,
           const Profile& profile) {
  std::size_t next = 0;
  for (std::size_t i = 0; i < instructions.size(); ++i) {
    WeighedInstruction& at = instructions[i];
    const std::uint64_t limit =
        i + 1 < instructions.size() ? instructions[i + 1].instruction.address : ~std::uint64_t{0};
    for (; next < places.size() && places[next].address < limit; ++next) {
      const Node& node = *places[next].node;
      at.flat.add(node.flat);
      at.cum.add(node.cum);
      if (at.instruction.file.empty()) {
        at.instruction.file = profile.text(node.info.file);
      }
      if (at.instruction.line == 0) {
        at.instruction.line = node.info.line;
      }
      if (at.function.empty()) {
        at.function = profile.text(node.info.name);
      }
    }
  }
}

class CodeOfReport {
 public:
  CodeOfReport(Report& report, const CodeSeams& code)
      : report_(report), code_(code), address_(address_in(report.pattern)) {}

  Result<std::vector<WeighedCode>> run() {
    auto wanted = Regex::compile(report_.pattern);
    if (!wanted) {
      return tl::unexpected(wanted.error());
    }
    const GraphBuilder builder = graph_builder(report_);
    const Graph graph = builder.build({}, builder.weigh(), {});
    for (const std::uint32_t at : graph.order) {
      const Node& node = graph.nodes[at];
      Nodes& of_file = nodes_[node.info.object_file];
      of_file.all.push_back(&node);
      const std::string_view name = report_.profile.text(node.info.name);
      of_file.is_wanted = of_file.is_wanted || name.empty() || wanted->matches(name) ||
                          wanted->matches(report_.name(node));
    }
    bool has_function = false;
    std::vector<WeighedCode> found;
    for (const auto& [object_file, nodes] : nodes_) {
      const auto taken = take_file(object_file, nodes, *wanted, found);
      if (!taken) {
        return tl::unexpected(taken.error());
      }
      has_function = has_function || *taken;
    }
    if (found.empty()) {
      return fail(ErrorKind::not_found, nothing_found(has_function));
    }
    std::stable_sort(found.begin(), found.end(), [](const WeighedCode& a, const WeighedCode& b) {
      return a.names.front() < b.names.front();
    });
    return found;
  }

 private:
  struct Nodes {
    std::vector<const Node*> all;
    bool is_wanted = false;
  };

  [[nodiscard]] std::string nothing_found(bool has_function) const {
    if (!address_) {
      return "no matches found for regexp " + report_.pattern;
    }
    return has_function ? "address " + report_.pattern +
                              " found in binary, but the corresponding symbols do not have samples "
                              "in the profile"
                        : "no matches found for address " + report_.pattern;
  }

  [[nodiscard]] MappedFile file_of(const Mapping& mapping) const {
    return {std::string(report_.profile.text(mapping.file)),
            std::string(report_.profile.text(mapping.build_id)), mapping.start, mapping.limit,
            mapping.offset};
  }

  /// Whether it has a function that is wanted.
  Result<bool> take_file(StringId object_file, const Nodes& nodes, const Regex& wanted,
                         std::vector<WeighedCode>& found) {
    std::vector<MappedFile> parts;
    for (const Mapping& mapping : report_.profile.mappings) {
      if (mapping.file == object_file && object_file != 0) {
        parts.push_back(file_of(mapping));
      }
    }
    std::optional<std::uint64_t> address;
    for (const MappedFile& part : parts) {
      if (address_ && *address_ >= part.start && *address_ < part.limit) {
        address = code_.address_in_file(part, *address_);
      }
    }
    if (parts.empty() || !(nodes.is_wanted || address_)) {
      return false;
    }
    const auto functions = code_.functions(parts.front(), [&](const std::string& name) {
      return address_.has_value() || wanted.matches(name);
    });
    if (!functions) {
      if (nodes.is_wanted && report_.seams.warn) {
        report_.seams.warn(parts.front().path + ": " + functions.error().message);
      }
      return false;
    }
    const std::vector<Place> places = places_of(nodes, parts);
    bool has_function = false;
    for (const CodeOfFunction& function : *functions) {
      const bool is_meant =
          !address_ || is_in(function, *address_) || (address && is_in(function, *address)) ||
          std::any_of(function.names.begin(), function.names.end(),
                      [&](const std::string& name) { return wanted.matches(name); });
      has_function = has_function || is_meant;
      if (is_meant) {
        if (auto taken = take(function, parts.front(), places, found); !taken) {
          return tl::unexpected(taken.error());
        }
      }
    }
    return has_function;
  }

  static bool is_in(const CodeOfFunction& function, std::uint64_t address) {
    return address >= function.start && address < function.limit;
  }

  [[nodiscard]] std::vector<Place> places_of(const Nodes& nodes,
                                             const std::vector<MappedFile>& parts) const {
    std::vector<Place> places;
    for (const Node* const node : nodes.all) {
      const std::uint64_t address = node->info.address;
      for (const MappedFile& part : parts) {
        const bool is_here = part.limit == 0 || (address >= part.start && address < part.limit);
        const auto place = is_here ? code_.address_in_file(part, address) : std::nullopt;
        if (place) {
          places.push_back({*place, node});
          break;
        }
      }
    }
    std::stable_sort(places.begin(), places.end(),
                     [](const Place& a, const Place& b) { return a.address < b.address; });
    return places;
  }

  Result<void> take(const CodeOfFunction& function, const MappedFile& file,
                    const std::vector<Place>& places, std::vector<WeighedCode>& found) {
    const auto before = [](const Place& place, std::uint64_t address) {
      return place.address < address;
    };
    const auto first = std::lower_bound(places.begin(), places.end(), function.start, before);
    const auto limit = std::lower_bound(first, places.end(), function.limit, before);
    if (first == limit) {
      return {};
    }
    auto read =
        code_.instructions(file, function.start, function.limit, report_.options.intel_syntax);
    if (!read) {
      return tl::unexpected(read.error());
    }
    WeighedCode code{.names = function.names};
    for (auto place = first; place != limit; ++place) {
      code.flat.add(place->node->flat);
      code.cum.add(place->node->cum);
    }
    for (InstructionText& instruction : *read) {
      code.instructions.push_back({.instruction = std::move(instruction)});
    }
    weigh(code.instructions, {first, limit}, report_.profile);
    found.push_back(std::move(code));
    return {};
  }

  Report& report_;
  const CodeSeams& code_;
  std::optional<std::uint64_t> address_;
  std::map<StringId, Nodes> nodes_;
};

}  // namespace

std::string hexadecimal(std::uint64_t number) {
  std::array<char, 16> digits{};
  return {digits.data(),
          std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr};
}

Result<std::vector<WeighedCode>> weighed_code(Report& report, const CodeSeams& code) {
  return CodeOfReport(report, code).run();
}

Result<std::string> make_disassembly(Profile profile, const DisassemblyRequest& request,
                                     const ReportSeams& seams, const CodeSeams& code) {
  ReportOptions options = request.options;
  options.noinlines = true;  // an instruction counts once
  // As of the reports that are about places in code.
  auto report = open_report(
      std::move(profile),
      {.kind = ReportKind::callgrind, .pattern = request.pattern, .options = std::move(options)},
      seams);
  if (!report) {
    return tl::unexpected(report.error());
  }
  return request.is_page ? weblist_report(*report, code) : disasm_report(*report, code);
}

}  // namespace heapwatch::pprof
