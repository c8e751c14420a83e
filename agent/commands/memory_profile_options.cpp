#include <algorithm>
#include <charconv>
#include <optional>

#include "agent/commands/memory_profile.h"

namespace heapwatch::agent::commands {

namespace {

constexpr std::string_view prefix = "-m-";

std::optional<int> integer(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) {
      return std::nullopt;
    }
  }
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty()
             ? std::optional(value)
             : std::nullopt;
}

std::string value_of(const MemoryProfileOptions& options, const std::string& name) {
  const auto found = options.values.find(name);
  return found == options.values.end() ? std::string() : found->second;
}

bool takes_value(std::string_view name) {
  const std::vector<std::string>& names = memory_profile_options();
  return name == "dir" || name == "pprof" ||
         std::find(names.begin(), names.end(), name) != names.end();
}

base::Result<void> integer_or_nothing(const MemoryProfileOptions& options,
                                      const std::string& name) {
  const std::string text = value_of(options, name);
  if (!text.empty() && !integer(text)) {
    return base::fail(base::ErrorKind::invalid, "--m-" + name + " must be an integer");
  }
  return {};
}

base::Result<void> one_of(const MemoryProfileOptions& options, const std::string& name,
                          const std::vector<std::string>& words, const std::string& error) {
  const std::string text = value_of(options, name);
  if (!text.empty() && std::find(words.begin(), words.end(), text) == words.end()) {
    return base::fail(base::ErrorKind::invalid, error);
  }
  return {};
}

}  // namespace

const std::vector<std::string>& memory_profile_options() {
  static const std::vector<std::string> names{
      "frames", "gc", "combine", "sort", "limit", "diff", "filters", "unit", "verbose", "profiler"};
  return names;
}

std::vector<std::string> with_long_flags(std::vector<std::string> arguments) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string argument = std::move(arguments[i]);
    if (argument == "--") {
      result.push_back(std::move(argument));
      std::move(arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1, arguments.end(),
                std::back_inserter(result));
      break;
    }
    const bool short_form = argument.starts_with(prefix);
    const bool long_form = argument.starts_with("--m-");
    const std::string name =
        short_form || long_form
            ? argument.substr(argument.find("m-") + 2, argument.find('=') - argument.find("m-") - 2)
            : std::string();
    if (!takes_value(name)) {
      result.push_back(std::move(argument));
      continue;
    }
    if (short_form) {
      argument.insert(argument.begin(), '-');
    }
    // Joined, since a value may look like a flag: -m-limit -5.
    if (argument.find('=') == std::string::npos && i + 1 < arguments.size()) {
      argument += "=" + std::move(arguments[++i]);
    }
    if (argument.find('=') + 1 == argument.size()) {
      continue;  // an empty value is none
    }
    result.push_back(std::move(argument));
  }
  return result;
}

base::Result<void> validate(const MemoryProfileOptions& options) {
  for (const char* const name : {"frames", "gc", "combine"}) {
    if (auto valid = integer_or_nothing(options, name); !valid) {
      return valid;
    }
  }
  if (integer(value_of(options, "combine")).value_or(0) != 0 &&
      value_of(options, "sort") == "traceback") {
    return base::fail(base::ErrorKind::invalid,
                      "--m-combine cannot be sorted (--m-sort) by traceback");
  }
  if (auto valid = one_of(options, "sort", {"lineno", "filename", "traceback"},
                          "--m-sort must one of: lineno | filename | traceback");
      !valid) {
    return valid;
  }
  if (auto valid = integer_or_nothing(options, "limit"); !valid) {
    return valid;
  }
  if (auto valid = one_of(options, "diff", {"absolute", "positive"},
                          "--m-diff must one of: absolute | positive");
      !valid) {
    return valid;
  }
  if (auto valid = integer_or_nothing(options, "verbose"); !valid) {
    return valid;
  }
  if (const std::string frames = value_of(options, "frames"); !frames.empty()) {
    const int count = *integer(frames);
    if (count < 1 || count > 65'535) {
      return base::fail(base::ErrorKind::invalid, "--m-frames must be in range [1; 65535]");
    }
  }
  return one_of(options, "profiler", {"native", "tracemalloc"},
                "--m-profiler must be one of: native | tracemalloc");
}

}  // namespace heapwatch::agent::commands
