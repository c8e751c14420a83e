#include "pprof/shell/shell.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ostream>
#include <utility>

#include "base/printable.h"
#include "base/text.h"

namespace heapwatch::pprof::shell {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::string_view blanks = " \t\r\n\v\f";
constexpr std::int64_t rows_of_a_table = 10;
constexpr const char* prompt = "(pprof) ";
constexpr std::string_view comment_start = "//:";

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t at = text.find_first_not_of(blanks); at != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(blanks, at), text.size());
    words.emplace_back(text.substr(at, end - at));
    at = text.find_first_not_of(blanks, end);
  }
  return words;
}

std::optional<std::int64_t> number_in(std::string_view text) {
  std::int64_t number = 0;
  text.remove_prefix(text.starts_with('+') ? 1 : 0);
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (read.ec != std::errc() || read.ptr != end) {
    return std::nullopt;
  }
  return number;
}

void add_alternative(std::string& to, std::string_view expression) {
  if (!to.empty()) {
    to += '|';
  }
  to += expression;
}

/// Splits `top10` where its digits start, unless the whole is a command.
void split_number(std::vector<std::string>& words) {
  std::string& name = words[0];
  if (find_format(name) != nullptr) {
    return;
  }
  const std::size_t end = name.find_last_not_of("0123456789");
  if (end == std::string::npos || end + 1 == name.size()) {
    return;
  }
  std::string digits = name.substr(end + 1);
  name.resize(end + 1);
  words.insert(words.begin() + 1, std::move(digits));
}

}  // namespace

Shell::Shell(const CommandLine& line, const Session& session, const ShellSeams& seams)
    : line_(line), session_(session), seams_(seams), driver_(seams.driver), options_(line.options) {
  driver_.output_is_terminal = true;
  options_.compact_labels = true;
}

void Shell::tell(std::string_view text) {
  seams_.err << (seams_.has_colors ? "\033[31m" : "") << base::printable_lines(text)
             << (seams_.has_colors ? "\033[0m" : "") << "\n";
}

void Shell::greet() {
  const Profile& profile = session_.profile();
  if (const auto labels = describe_profile(profile, options_)) {
    for (const std::string& label : *labels) {
      seams_.err << base::printable(label) << "\n";
    }
  }
  const auto index = find_sample_index(profile, options_.sample_index);
  if (index && profile.sample_types.size() > 1) {
    bool is_empty = true;
    for (std::size_t i = 0; is_empty && i < profile.samples.size(); ++i) {
      is_empty = profile.samples.values(i)[*index] == 0;
    }
    if (is_empty) {
      seams_.err << "No samples were found with the default sample value type.\n"
                    "Try \"sample_index\" command to analyze different sample values.\n";
    }
  }
  seams_.err << "Entering interactive mode (type \"help\" for commands, \"o\" for options)\n";
}

bool Shell::execute(std::string_view input) {
  input = base::trimmed(input);
  if (input == ":") {
    for (std::string* filter : {&options_.focus, &options_.ignore, &options_.hide,
                                &options_.tagfocus, &options_.tagignore}) {
      filter->clear();
    }
    return true;
  }
  Words words = words_of(input);
  if (words.empty() || set_by_line(input)) {
    return true;
  }
  const std::string& name = words[0];
  if (name == "q" || name == "quit" || name == "exit") {
    return false;
  }
  if (name == "o" || name == "options") {
    show_options();
  } else if (name == "help") {
    show_help(words);
  } else {
    const auto command = parse_command(std::move(words));
    const auto done = command ? run(*command) : tl::unexpected(command.error());
    if (!done) {
      tell(done.error().message);
    }
  }
  return true;
}

/// `name=value`, or a name alone. False when the line is none of these.
bool Shell::set_by_line(std::string_view input) {
  const std::size_t equals = input.find('=');
  if (equals == std::string_view::npos) {
    return set_bare(input);
  }
  const std::string_view name = base::trimmed(input.substr(0, equals));
  std::string_view value = input.substr(equals + 1);
  value = base::trimmed(value.substr(0, value.find(comment_start)));
  const Option* const option = find_option(name);
  if (option == nullptr) {
    return false;
  }
  if (option->name == name) {
    set(*option, std::string(value));
  } else {
    choose(*option, name, value);
  }
  return true;
}

/// `lines=true`: one of the choices of a group as if it were a switch.
void Shell::choose(const Option& option, std::string_view choice, std::string_view value) {
  const Option* const any_switch = find_option("call_tree");
  ReportOptions scratch;
  const auto read = set_option(scratch, *any_switch, value);
  if (!read) {
    return tell(read.error().message);
  }
  if (scratch.call_tree) {
    return set(option, std::string(choice));
  }
  tell(std::string(choice) + " is one of the choices of " + std::string(option.name) +
       ", which another one replaces");
}

void Shell::set(const Option& option, const std::string& value) {
  if (option.name == "sample_index") {
    const auto index = find_sample_index(session_.profile(), value);
    if (!index) {
      return tell(index.error().message);
    }
    const Profile& profile = session_.profile();
    options_.sample_index =
        value.empty() ? "" : std::string(profile.text(profile.sample_types[*index].type));
    return;
  }
  if (auto done = set_option(options_, option, value); !done) {
    tell(done.error().message);
  }
}

bool Shell::set_bare(std::string_view name) {
  if (set_sample_type(name)) {
    return true;
  }
  const Option* const option = find_option(name);
  if (option == nullptr) {
    return false;
  }
  if (option->name != name) {  // one of the choices of a group
    set(*option, std::string(name));
  } else if (option->is_switch()) {
    set(*option, "true");
  } else {
    tell("please specify a value, e.g. " + std::string(name) + "=<val>");
  }
  return true;
}

/// A sample type, alone or behind `total_` or `mean_`.
bool Shell::set_sample_type(std::string_view name) {
  for (const std::string& type : sample_types()) {
    const bool is_bare = name == type;
    const bool is_total = name == "total_" + type;
    const bool is_mean = name == "mean_" + type;
    if (!is_bare && !is_total && !is_mean) {
      continue;
    }
    options_.sample_index = type;
    if (!is_bare) {
      options_.mean = is_mean;
    }
    return true;
  }
  return false;
}

std::vector<std::string> Shell::sample_types() const {
  std::vector<std::string> types;
  const Profile& profile = session_.profile();
  for (const ValueType& type : profile.sample_types) {
    types.emplace_back(profile.text(type.type));
  }
  return types;
}

Result<CommandLine> Shell::parse_command(Words words) const {
  split_number(words);
  const std::string& name = words[0];
  const FormatInfo* const format = find_format(name);
  if (format == nullptr) {
    const Option* const option = find_option(name);
    if (option != nullptr && option->name == name && words.size() > 1) {
      return fail(ErrorKind::invalid, "did you mean: " + name + "=" + words[1]);
    }
    return fail(ErrorKind::invalid, "unrecognized command: \"" + name + "\"");
  }
  CommandLine command = line_;
  command.format = format->format;
  command.pattern.clear();
  command.options = options_;
  std::size_t at = 1;
  if (format->takes_pattern) {
    if (at == words.size()) {
      return fail(ErrorKind::invalid, "command " + name + " requires an argument");
    }
    command.pattern = words[at++];
  }
  std::string focus;
  std::string ignore;
  for (; at < words.size(); ++at) {
    const std::string& word = words[at];
    if (const auto number = number_in(word)) {
      command.options.nodecount = *number;
    } else if (word[0] == '>') {
      command.options.output = word.substr(1);
      if (!command.options.output.empty()) {
        continue;
      }
      if (++at == words.size()) {
        return fail(ErrorKind::invalid, "unexpected end of line after >");
      }
      command.options.output = words[at];
    } else if (word == "-cum" || word == "--cum") {
      command.options.sort_by_cum = true;
    } else if (word[0] == '-') {
      add_alternative(ignore, word.substr(1));
    } else {
      add_alternative(focus, word);
    }
  }
  const bool is_tags = format->kind == ReportKind::tags;
  std::string& set_focus = is_tags ? command.options.tagfocus : command.options.focus;
  std::string& set_ignore = is_tags ? command.options.tagignore : command.options.ignore;
  if (!focus.empty()) {
    set_focus = focus;
  }
  if (!ignore.empty()) {
    set_ignore = ignore;
  }
  if (format->kind == ReportKind::text && command.options.nodecount == -1) {
    command.options.nodecount = rows_of_a_table;
  }
  return command;
}

Result<void> Shell::run(const CommandLine& command) {
  const FormatInfo& format = info_of(*command.format);
  Result<std::string> bytes;
  if (format.is_report) {
    bytes = session_.report({format.kind, command.pattern, command.options, command.encoding},
                            report_seams(seams_.err, driver_));
  } else if (driver_.other) {
    bytes = driver_.other(command, Session(session_.profile()));
    if (bytes && bytes->empty()) {
      return {};
    }
  } else {
    return fail(ErrorKind::invalid, "this program makes no " + std::string(format.name));
  }
  if (!bytes) {
    return tl::unexpected(bytes.error());
  }
  return write_report(*command.format, *bytes, command.options.output, seams_.out, seams_.err,
                      driver_);
}

void converse(Shell& shell, const ReadLine& read_line) {
  shell.greet();
  while (true) {
    const auto input = read_line(prompt);
    if (!input || !shell.execute(*input)) {
      return;
    }
  }
}

}  // namespace heapwatch::pprof::shell
