#include "pprof/driver/flags.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <map>
#include <utility>

#include "base/nearest.h"

namespace heapwatch::pprof {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::array<std::string_view, 6> true_words = {"1", "t", "T", "true", "TRUE", "True"};
constexpr std::array<std::string_view, 6> false_words = {"0", "f", "F", "false", "FALSE", "False"};

/// A flag whose value is read into a place of its own.
struct Flag {
  bool is_bool = false;
  std::function<Result<void>(const std::string&)> set;
};

Result<void> bad_value(const std::string& value) {
  return fail(ErrorKind::invalid, "invalid value \"" + value + "\"");
}

Flag bool_flag(bool& to) {
  return {
      true, [&to](const std::string& value) -> Result<void> {
        if (std::find(true_words.begin(), true_words.end(), value) != true_words.end()) {
          to = true;
        } else if (std::find(false_words.begin(), false_words.end(), value) != false_words.end()) {
          to = false;
        } else {
          return fail(ErrorKind::invalid, "invalid boolean value \"" + value + "\"");
        }
        return {};
      }};
}

Flag text_flag(std::string& to) {
  return {false, [&to](const std::string& value) -> Result<void> {
            to = value;
            return {};
          }};
}

template <typename Number>
Flag number_flag(Number& to) {
  return {false, [&to](const std::string& value) -> Result<void> {
            const char* const end = value.data() + value.size();
            const auto read = std::from_chars(value.data(), end, to);
            if (read.ec != std::errc() || read.ptr != end) return bad_value(value);
            return {};
          }};
}

struct KindFlag {
  std::string_view name;
  ReportKind kind;
};
constexpr std::array<KindFlag, 11> kind_flags = {{{"top", ReportKind::text},
                                                  {"text", ReportKind::text},
                                                  {"tree", ReportKind::tree},
                                                  {"traces", ReportKind::traces},
                                                  {"raw", ReportKind::raw},
                                                  {"tags", ReportKind::tags},
                                                  {"comments", ReportKind::comments},
                                                  {"dot", ReportKind::dot},
                                                  {"callgrind", ReportKind::callgrind},
                                                  {"proto", ReportKind::proto},
                                                  {"topproto", ReportKind::topproto}}};

struct GranularityFlag {
  std::string_view name;
  Granularity granularity;
};
constexpr std::array<GranularityFlag, 5> granularity_flags = {
    {{"addresses", Granularity::addresses},
     {"filefunctions", Granularity::filefunctions},
     {"files", Granularity::files},
     {"functions", Granularity::functions},
     {"lines", Granularity::lines}}};

/// A flag that stands for a sample index; the earlier in this list, the stronger.
struct IndexFlag {
  std::string_view name;
  std::string_view index;
};
constexpr std::array<IndexFlag, 7> index_flags = {{{"total_delay", "delay"},
                                                   {"mean_delay", "delay"},
                                                   {"contentions", "contentions"},
                                                   {"inuse_space", "inuse_space"},
                                                   {"inuse_objects", "inuse_objects"},
                                                   {"alloc_space", "alloc_space"},
                                                   {"alloc_objects", "alloc_objects"}}};

class Parser {
 public:
  Parser() {
    add_options();
    for (const auto& flag : kind_flags) add_switch(flag.name);
    for (const auto& flag : granularity_flags) add_switch(flag.name);
    for (const auto& flag : index_flags) add_switch(flag.name);
    for (const char* name : {"cum", "flat"}) add_switch(name);
    flags_["peek"] = text_flag(peek_);
    flags_["list"] = text_flag(list_);
  }

  Result<CommandLine> run(std::span<const std::string> args, const Warn& warn) {
    std::size_t at = 0;
    for (; at < args.size(); ++at) {
      const std::string& arg = args[at];
      if (arg.size() < 2 || arg[0] != '-') break;
      if (arg == "--") {
        ++at;
        break;
      }
      auto read = read_flag(args, at);
      if (!read) return tl::unexpected(read.error());
      if (line_.wants_help) return std::move(line_);
    }
    line_.sources.assign(args.begin() + static_cast<std::ptrdiff_t>(at), args.end());
    if (auto finished = finish(warn); !finished) return tl::unexpected(finished.error());
    return std::move(line_);
  }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, flag] : flags_) {
      all.push_back("-" + name + (flag.is_bool ? "" : "=VALUE"));
    }
    return all;
  }

 private:
  void add_switch(std::string_view name) {
    flags_[std::string(name)] = bool_flag(switches_[std::string(name)]);
  }

  void add_options() {
    ReportOptions& o = line_.options;
    const std::pair<const char*, bool*> bools[] = {
        {"call_tree", &o.call_tree},
        {"relative_percentages", &o.relative_percentages},
        {"compact_labels", &o.compact_labels},
        {"intel_syntax", &o.intel_syntax},
        {"mean", &o.mean},
        {"normalize", &o.normalize},
        {"drop_negative", &o.drop_negative},
        {"trim", &o.trim},
        {"noinlines", &o.noinlines},
        {"showcolumns", &o.showcolumns},
        {"all_frames", &line_.all_frames}};
    for (const auto& [name, to] : bools) flags_[name] = bool_flag(*to);
    const std::pair<const char*, std::string*> texts[] = {{"output", &o.output},
                                                          {"unit", &o.unit},
                                                          {"source_path", &o.source_path},
                                                          {"trim_path", &o.trim_path},
                                                          {"sample_index", &o.sample_index},
                                                          {"tagroot", &o.tagroot},
                                                          {"tagleaf", &o.tagleaf},
                                                          {"focus", &o.focus},
                                                          {"ignore", &o.ignore},
                                                          {"prune_from", &o.prune_from},
                                                          {"hide", &o.hide},
                                                          {"show", &o.show},
                                                          {"show_from", &o.show_from},
                                                          {"tagfocus", &o.tagfocus},
                                                          {"tagignore", &o.tagignore},
                                                          {"tagshow", &o.tagshow},
                                                          {"taghide", &o.taghide},
                                                          {"base", &base_},
                                                          {"diff_base", &diff_base_},
                                                          {"symbolize", &symbolize_},
                                                          {"tools", &tools_},
                                                          {"buildid", &line_.build_id},
                                                          {"add_comment", &line_.add_comment}};
    for (const auto& [name, to] : texts) flags_[name] = text_flag(*to);
    flags_["nodecount"] = number_flag(o.nodecount);
    flags_["nodefraction"] = number_flag(o.nodefraction);
    flags_["edgefraction"] = number_flag(o.edgefraction);
    flags_["divide_by"] = number_flag(o.divide_by);
    flags_["seconds"] = number_flag(line_.seconds);
    flags_["timeout"] = number_flag(line_.timeout_s);
  }

  Result<void> read_flag(std::span<const std::string> args, std::size_t& at) {
    std::string name = args[at].substr(args[at][1] == '-' ? 2 : 1);
    std::optional<std::string> value;
    if (const std::size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    if (name == "h" || name == "help") {
      line_.wants_help = true;
      return {};
    }
    const auto flag = flags_.find(name);
    if (flag == flags_.end()) {
      std::vector<std::string_view> known;
      for (const auto& [each, unused] : flags_) known.emplace_back(each);
      return fail(ErrorKind::invalid,
                  "flag provided but not defined: -" + name + base::did_you_mean(name, known));
    }
    if (!value) {
      if (flag->second.is_bool) {
        value = "true";
      } else if (++at < args.size()) {
        value = args[at];
      } else {
        return fail(ErrorKind::invalid, "flag needs an argument: -" + name);
      }
    }
    if (auto set = flag->second.set(*value); !set) {
      return fail(ErrorKind::invalid, set.error().message + " for -" + name);
    }
    return {};
  }

  Result<void> finish(const Warn& warn) {
    if (line_.sources.empty()) return fail(ErrorKind::invalid, "no profile source specified");
    if (auto grouped = read_groups(); !grouped) return grouped;
    if (auto chosen = read_kind(); !chosen) return chosen;
    std::string& index = line_.options.sample_index;
    for (const auto& flag : index_flags) {
      if (!switches_[std::string(flag.name)]) continue;
      if (index.empty()) {
        index = flag.index;
      } else {
        warn("Multiple value selections, ignoring -" + std::string(flag.name));
      }
    }
    if (switches_["mean_delay"]) line_.options.mean = true;
    if (!base_.empty() && !diff_base_.empty()) {
      return fail(ErrorKind::invalid, "-base and -diff_base flags cannot both be specified");
    }
    line_.is_diff_base = !diff_base_.empty();
    line_.base = line_.is_diff_base ? diff_base_ : base_;
    if (line_.options.normalize && line_.base.empty()) {
      return fail(ErrorKind::invalid, "must have base profile to normalize by");
    }
    return {};
  }

  Result<void> read_groups() {
    if (switches_["cum"] && switches_["flat"]) {
      return fail(ErrorKind::invalid, "conflicting options set: [cum flat]");
    }
    line_.options.sort_by_cum = switches_["cum"];
    std::string set;
    for (const auto& flag : granularity_flags) {
      if (!switches_[std::string(flag.name)]) continue;
      set += (set.empty() ? "" : " ") + std::string(flag.name);
      line_.options.granularity = flag.granularity;
    }
    if (set.find(' ') != std::string::npos) {
      return fail(ErrorKind::invalid, "conflicting options set: [" + set + "]");
    }
    return {};
  }

  Result<void> read_kind() {
    int count = 0;
    for (const auto& flag : kind_flags) {
      if (!switches_[std::string(flag.name)]) continue;
      ++count;
      line_.kind = flag.kind;
    }
    for (const auto& [pattern, kind] :
         {std::pair{&peek_, ReportKind::peek}, std::pair{&list_, ReportKind::list}}) {
      if (pattern->empty()) continue;
      ++count;
      line_.kind = kind;
      line_.pattern = *pattern;
    }
    if (count > 1) return fail(ErrorKind::invalid, "must set at most one output format");
    return {};
  }

  CommandLine line_;
  std::map<std::string, Flag> flags_;
  std::map<std::string, bool> switches_;
  std::string peek_;
  std::string list_;
  std::string base_;
  std::string diff_base_;
  std::string symbolize_;  // names are only taken from the profiles themselves
  std::string tools_;
};

}  // namespace

Result<CommandLine> parse_command_line(std::span<const std::string> args, const Warn& warn) {
  return Parser().run(args, warn);
}

std::string usage() {
  std::string text =
      "usage: pprof FORMAT [options] source...\n\n"
      "A source is a file or a URL; several are added up. Flags:\n";
  for (const std::string& name : Parser().names()) text += "  " + name + "\n";
  return text;
}

}  // namespace heapwatch::pprof
