// What the shell tells about its commands and options, and how it completes them.
#include <algorithm>
#include <ostream>

#include "base/printable.h"
#include "pprof/shell/shell.h"

namespace heapwatch::pprof::shell {
namespace {

constexpr std::size_t completions_max = 200;

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  out.resize(std::max(out.size(), width), ' ');
  return out;
}

std::string choices_of(const std::vector<std::string>& choices) {
  std::string out = "//: [";
  for (const std::string& choice : choices) {
    out += (&choice == &choices[0] ? "" : " | ") + choice;
  }
  return out + "]";
}

/// The name as an expression that matches it; dots match themselves well enough.
std::string quoted(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (std::string_view("()[]{}*+?^$|\\").find(c) != std::string_view::npos) {
      out += '\\';
    }
    out += c;
  }
  return out;
}

std::string usage_of(const FormatInfo& format) {
  std::string usage = "  " + std::string(format.name);
  if (format.takes_pattern) {
    usage += " <regexp>";
  }
  usage += " [n] [focus]* [-ignore]* [-cum] [>file]\n";
  if (format.takes_pattern) {
    usage += "    <regexp> names the functions to show.\n";
  }
  return usage +
         "    n limits how many functions are shown; it may stand right behind the command.\n"
         "    Only samples through functions matching a focus count, and none through an ignore.\n"
         "    -cum sorts by what functions hold together with what they call.\n"
         "    >file writes to a file.\n";
}

}  // namespace

void Shell::show_options() {
  std::vector<std::string> lines;
  for (const Option& option : all_options()) {
    std::string value = option_value(options_, option);
    std::string comment;
    if (option.name == "sample_index") {
      const auto types = sample_types();
      const auto index = find_sample_index(session_.profile(), value);
      if (index) {
        value = types[*index];
      }
      comment = choices_of(types);
    } else if (option.name == "nodecount" && value == "-1") {
      comment = "//: default";
    } else if (!option.choices.empty()) {
      if (value.empty()) {
        value = "functions";
      }
      std::vector<std::string> choices(option.choices.begin(), option.choices.end());
      std::sort(choices.begin(), choices.end());
      comment = choices_of(choices);
    }
    if (value.empty()) {
      value = "\"\"";
    }
    lines.push_back("  " + padded(option.name, 25) + " = " + padded(value, 20) + " " + comment);
  }
  std::sort(lines.begin(), lines.end());
  for (const std::string& line : lines) {
    seams_.err << base::printable(line) << "\n";
  }
}

void Shell::show_help(const Words& words) {
  if (words.size() > 1) {
    for (std::size_t i = 1; i < words.size(); ++i) {
      show_help_of(words[i]);
    }
    return;
  }
  std::ostream& err = seams_.err;
  err << "  Commands:\n";
  for (const FormatInfo& format : all_formats()) {
    err << "    " << padded(format.name, 16) << " " << format.help << "\n";
  }
  err << "    o, options       The options and their values\n"
         "    help NAME        More about a command or an option\n"
         "    q, quit, exit    Leaves\n\n"
         "  Options, set by NAME=VALUE:\n";
  for (const Option& option : all_options()) {
    err << "    " << padded(option.name, 20) << " " << option.help << "\n";
    if (option.choices.empty()) {
      continue;
    }
    err << "    " << padded("", 20) << " one of:";
    for (const std::string_view choice : option.choices) {
      err << " " << choice;
    }
    err << "\n";
  }
  err << "    " << padded(":", 20) << " Clears focus, ignore, hide, tagfocus and tagignore\n\n"
      << "  A sample type by itself chooses what is measured:";
  for (const std::string& type : sample_types()) {
    err << " " << base::printable(type);
  }
  err << "\n";
}

void Shell::show_help_of(const std::string& name) {
  if (const FormatInfo* const format = find_format(name)) {
    seams_.err << format->help << "\n" << usage_of(*format) << "\n";
  } else if (const Option* const option = find_option(name)) {
    seams_.err << option->help << "\n  " << option->name << "=";
    if (option->choices.empty()) {
      seams_.err << (option->is_switch() ? "true|false" : "<val>");
    }
    for (const std::string_view& choice : option->choices) {
      seams_.err << (&choice == &option->choices[0] ? "" : "|") << choice;
    }
    seams_.err << "\n\n";
  } else {
    tell("Unknown command: " + name);
  }
}

std::vector<std::string> Shell::completions(std::string_view input) const {
  const std::size_t blank = input.find_last_of(" \t");
  std::string_view word = blank == std::string_view::npos ? input : input.substr(blank + 1);
  std::vector<std::string> found;
  if (input.find_first_not_of(" \t") == input.size() - word.size()) {
    const auto offer = [&](std::string_view name) {
      if (name.starts_with(word)) {
        found.emplace_back(name);
      }
    };
    for (const FormatInfo& format : all_formats()) {
      offer(format.name);
    }
    for (const Option& option : all_options()) {
      offer(option.name);
      for (const std::string_view choice : option.choices) {
        offer(choice);
      }
    }
    for (const std::string& type : sample_types()) {
      offer(type);
    }
    for (const char* name : {"options", "help", "quit", "exit"}) {
      offer(name);
    }
  } else {
    if (word.starts_with('-')) {
      word.remove_prefix(1);
    }
    std::string part(word);
    part.erase(std::remove(part.begin(), part.end(), '\\'), part.end());
    const Profile& profile = session_.profile();
    for (const Function& function : profile.functions) {
      const std::string_view name = profile.text(function.name);
      if (name.find(part) == std::string_view::npos) {
        continue;
      }
      found.push_back(quoted(name));
      if (found.size() > completions_max) {
        break;
      }
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace heapwatch::pprof::shell
