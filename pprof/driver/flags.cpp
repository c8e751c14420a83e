#include "pprof/driver/flags.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <utility>

#include "base/nearest.h"
#include "pprof/driver/flag.h"
#include "pprof/go_number.h"

namespace heapwatch::pprof {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

/// A flag that stands for a sample index; the earlier in this list, the stronger.
struct IndexFlag {
  std::string_view name;
  std::string_view index;
  std::string_view help;
};
constexpr std::array<IndexFlag, 7> index_flags = {
    {{"total_delay", "delay", "Same as -sample_index=delay"},
     {"mean_delay", "delay", "Same as -sample_index=delay -mean"},
     {"contentions", "contentions", "Same as -sample_index=contentions"},
     {"inuse_space", "inuse_space", "Same as -sample_index=inuse_space"},
     {"inuse_objects", "inuse_objects", "Same as -sample_index=inuse_objects"},
     {"alloc_space", "alloc_space", "Same as -sample_index=alloc_space"},
     {"alloc_objects", "alloc_objects", "Same as -sample_index=alloc_objects"}}};

/// Programs of Linux, macOS and Windows, by how their files begin.
bool is_program(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 4> head{};
  if (!file.read(head.data(), head.size())) {
    return false;
  }
  const std::string_view magic(head.data(), head.size());
  constexpr std::array<std::string_view, 6> magics = {
      "\x7f"
      "ELF",
      "\xfe\xed\xfa\xce",
      "\xfe\xed\xfa\xcf",
      "\xce\xfa\xed\xfe",
      "\xcf\xfa\xed\xfe",
      "MZ"};
  return std::any_of(magics.begin(), magics.end(),
                     [&](std::string_view each) { return magic.starts_with(each); });
}

class Parser {
 public:
  explicit Parser(std::span<const ExtraFlag> extra) {
    add_options();
    add_command_flags();
    for (const FormatInfo& format : all_formats()) {
      const std::string name(format.name);
      if (format.takes_pattern) {
        flags_[name] = text_flag(patterns_[name], format.help);
      } else {
        add_switch(name, format.help);
      }
    }
    for (const auto& flag : index_flags) {
      add_switch(std::string(flag.name), flag.help);
    }
    for (const ExtraFlag& flag : extra) {
      flags_[flag.name] = {flag.is_switch, flag.help, flag.set};
    }
  }

  Result<CommandLine> run(std::span<const std::string> args, const Warn& warn) {
    std::size_t at = 0;
    for (; at < args.size(); ++at) {
      const std::string& arg = args[at];
      if (arg.size() < 2 || arg[0] != '-') {
        break;
      }
      if (arg == "--") {
        ++at;
        has_end_mark_ = true;
        break;
      }
      auto read = read_flag(args, at);
      if (!read) {
        return tl::unexpected(read.error());
      }
      if (line_.wants_help) {
        return std::move(line_);
      }
    }
    line_.sources.assign(args.begin() + static_cast<std::ptrdiff_t>(at), args.end());
    if (auto finished = finish(warn); !finished) {
      return tl::unexpected(finished.error());
    }
    return std::move(line_);
  }

  [[nodiscard]] std::string usage() const {
    constexpr std::size_t help_column = 26;
    std::string text;
    for (const auto& [name, flag] : flags_) {
      std::string line = "  -" + name + (flag.is_switch ? "" : "=VALUE");
      line.resize(std::max(help_column, line.size() + 1), ' ');
      text += line + flag.help + "\n";
    }
    return text;
  }

 private:
  void add_switch(const std::string& name, std::string_view help) {
    flags_[name] = switch_flag(switches_[name], help);
  }

  void add_options() {
    ReportOptions& values = line_.options;
    for (const Option& option : all_options()) {
      const std::string name(option.name);
      for (const std::string_view choice : option.choices) {
        add_switch(std::string(choice), "Same as the setting " + name + "=" + std::string(choice));
      }
      if (!option.choices.empty()) {
        continue;
      }
      if (option.is_switch()) {
        flags_[name] =
            switch_flag(values.*std::get<bool ReportOptions::*>(option.member), option.help);
        continue;
      }
      flags_[name] = {
          false, std::string(option.help),
          [&values, &option](const std::string& value) -> Result<void> {
            if (const auto* member = std::get_if<std::int64_t ReportOptions::*>(&option.member)) {
              const auto number = parse_go_integer(value, 0);
              if (!number) {
                return parse_error();
              }
              values.*(*member) = *number;
              return {};
            }
            if (!set_option(values, option, value)) {
              return parse_error();
            }
            return {};
          }};
    }
  }

  void add_command_flags() {
    const std::tuple<const char*, std::string*, const char*> texts[] = {
        {"base", &base_, "A profile to subtract"},
        {"diff_base", &diff_base_, "A profile to compare with; percentages are of it"},
        {"symbolize", &line_.symbolize,
         "Who names what comes without names: none, local, fastlocal, remote, with :force and "
         ":demangle=none|full|templates"},
        {"tools", &line_.tools, "Taken and not used"},
        {"buildid", &line_.build_id, "The build id of the program, where the profile has none"},
        {"add_comment", &line_.add_comment, "A comment to add to the profile"},
        {"web_config", &line_.web_config, "Of -http: a file that asks for TLS and a password"},
        {"tls_cert", &line_.tls.certificate, "A client certificate, with -tls_key"},
        {"tls_key", &line_.tls.key, "The key of -tls_cert"},
        {"tls_ca", &line_.tls.authority, "The authorities to trust"}};
    for (const auto& [name, to, help] : texts) {
      flags_[name] = text_flag(*to, help);
    }
    flags_["all_frames"] = switch_flag(line_.all_frames, "Keep what the profile says to drop");
    flags_["no_browser"] = switch_flag(line_.no_browser, "Open no browser for -http");
    add_switch("json", "Make -top, -tree or -peek as JSON");
    add_switch("csv", "Make -top, -tree or -peek as comma-separated values");
    flags_["http"] = {false, "Serve pages at host:port",
                      [this](const std::string& value) -> Result<void> {
                        line_.http = value;
                        return {};
                      }};
    constexpr std::int64_t int_max = std::numeric_limits<int>::max();
    flags_["seconds"] =
        integer_flag(-int_max, int_max, "How long a profile over time takes",
                     [this](std::int64_t number) { line_.seconds = static_cast<int>(number); });
    flags_["timeout"] =
        integer_flag(-int_max, int_max, "How long to wait for a profile, in seconds",
                     [this](std::int64_t number) { line_.timeout_s = static_cast<int>(number); });
    flags_["profile_bytes_max"] = integer_flag(
        1, std::numeric_limits<std::int64_t>::max() / 2,
        "The most a profile may hold when it is uncompressed; 2147483648 if not given",
        [this](std::int64_t n) { line_.limits.bytes_max = static_cast<std::size_t>(n); });
  }

  Result<void> read_flag(std::span<const std::string> args, std::size_t& at) {
    std::string name = args[at].substr(args[at][1] == '-' ? 2 : 1);
    if (name.empty() || name[0] == '-' || name[0] == '=') {
      return fail(ErrorKind::invalid, "bad flag syntax: " + args[at]);
    }
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
      for (const auto& [each, unused] : flags_) {
        known.emplace_back(each);
      }
      return fail(ErrorKind::invalid,
                  "flag provided but not defined: -" + name + base::did_you_mean(name, known));
    }
    if (!value) {
      if (flag->second.is_switch) {
        value = "true";
      } else if (++at < args.size()) {
        value = args[at];
      } else {
        return fail(ErrorKind::invalid, "flag needs an argument: -" + name);
      }
    }
    if (auto set = flag->second.set(*value); !set) {
      const std::string what = flag->second.is_switch
                                   ? "invalid boolean value \"" + *value + "\" for -"
                                   : "invalid value \"" + *value + "\" for flag -";
      return fail(set.error().kind, what + name + ": " + set.error().message);
    }
    return {};
  }

  Result<void> finish(const Warn& warn) {
    if (line_.sources.size() > 1 && is_program(line_.sources[0])) {
      line_.program = line_.sources[0];
      line_.sources.erase(line_.sources.begin());
    }
    if (line_.sources.empty()) {
      return fail(ErrorKind::invalid, "no profile source specified");
    }
    if (auto checked = check_flags_come_first(); !checked) {
      return checked;
    }
    if (auto grouped = read_groups(); !grouped) {
      return grouped;
    }
    if (auto chosen = read_format(); !chosen) {
      return chosen;
    }
    read_sample_index(warn);
    if (!base_.empty() && !diff_base_.empty()) {
      return fail(ErrorKind::invalid, "-base and -diff_base flags cannot both be specified");
    }
    line_.is_diff_base = !diff_base_.empty();
    line_.base = line_.is_diff_base ? diff_base_ : base_;
    if (line_.options.normalize && line_.base.empty()) {
      return fail(ErrorKind::invalid, "must have base profile to normalize by");
    }
    if (line_.tls.certificate.empty() != line_.tls.key.empty()) {
      return fail(ErrorKind::invalid, "-tls_cert and -tls_key go together");
    }
    return {};
  }

  /// A flag behind a source that is no file was not meant as a source.
  [[nodiscard]] Result<void> check_flags_come_first() const {
    for (const std::string& source : line_.sources) {
      const std::size_t name_at = source.find_first_not_of('-');
      if (has_end_mark_ || name_at == 0 || name_at == std::string::npos) {
        continue;
      }
      const std::string name = source.substr(name_at, source.find('=') - name_at);
      if (!flags_.contains(name) || std::ifstream(source)) {
        continue;
      }
      return fail(ErrorKind::invalid, "the flag " + source + " stands behind the source " +
                                          line_.sources[0] + "; flags come first");
    }
    return {};
  }

  /// At most one choice of each group of settings.
  Result<void> read_groups() {
    for (const Option& option : all_options()) {
      std::string set;
      for (const std::string_view choice : option.choices) {
        if (!switches_[std::string(choice)]) {
          continue;
        }
        set += (set.empty() ? "" : " ") + std::string(choice);
      }
      if (set.empty()) {
        continue;
      }
      if (set.find(' ') != std::string::npos) {
        return fail(ErrorKind::invalid, "conflicting options set: [" + set + "]");
      }
      if (auto done = set_option(line_.options, option, set); !done) {
        return done;
      }
    }
    return {};
  }

  Result<void> read_format() {
    int count = 0;
    for (const FormatInfo& format : all_formats()) {
      const std::string name(format.name);
      if (format.takes_pattern ? patterns_[name].empty() : !switches_[name]) {
        continue;
      }
      ++count;
      line_.format = format.format;
      line_.pattern = format.takes_pattern ? patterns_[name] : std::string();
    }
    if (count > 1) {
      return fail(ErrorKind::invalid, "must set at most one output format");
    }
    if (count == 1 && line_.http) {
      return fail(ErrorKind::invalid,
                  "-http is not compatible with an output format on the command line");
    }
    return read_encoding();
  }

  Result<void> read_encoding() {
    if (!switches_["json"] && !switches_["csv"]) {
      return {};
    }
    if (switches_["json"] && switches_["csv"]) {
      return fail(ErrorKind::invalid, "-json and -csv cannot both be specified");
    }
    line_.encoding = switches_["json"] ? Encoding::json : Encoding::csv;
    if (!line_.format) {
      line_.format = Format::top;
    }
    const FormatInfo& format = info_of(*line_.format);
    if (format.is_report && has_encoding(format.kind, line_.encoding)) {
      return {};
    }
    return fail(ErrorKind::invalid,
                "-top, -tree and -peek have -json and -csv, -goroutines has -json; not -" +
                    std::string(format.name));
  }

  void read_sample_index(const Warn& warn) {
    std::string& index = line_.options.sample_index;
    for (const auto& flag : index_flags) {
      if (!switches_[std::string(flag.name)]) {
        continue;
      }
      if (index.empty()) {
        index = flag.index;
      } else {
        warn("Multiple value selections, ignoring -" + std::string(flag.name));
      }
    }
    if (switches_["mean_delay"]) {
      line_.options.mean = true;
    }
  }

  CommandLine line_;
  bool has_end_mark_ = false;  // `--`, behind which nothing is a flag
  std::map<std::string, Flag> flags_;
  std::map<std::string, bool> switches_;
  std::map<std::string, std::string> patterns_;
  std::string base_;
  std::string diff_base_;
};

}  // namespace

Result<CommandLine> parse_command_line(std::span<const std::string> args, const Warn& warn,
                                       std::span<const ExtraFlag> extra) {
  return Parser(extra).run(args, warn);
}

std::string flag_list(std::span<const ExtraFlag> extra) {
  return Parser(extra).usage();
}

std::string usage(std::span<const ExtraFlag> extra) {
  return "usage: pprof FORMAT [options] [binary] source...\n\n"
         "A source is a file or a URL; several are added up. Flags:\n" +
         flag_list(extra);
}

}  // namespace heapwatch::pprof
