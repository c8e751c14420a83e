// `NAME profile: total N` texts, in which Go lists goroutines, threads and custom profiles.
#include "pprof/legacy/formats.h"

namespace heapwatch::pprof::legacy {
namespace {

constexpr std::string_view total_mark = " profile: total ";

/// The NAME of `NAME profile: total N`, or empty.
std::string_view profile_name(std::string_view line) {
  const std::size_t at = line.find(total_mark);
  if (at == std::string_view::npos || at == 0) {
    return {};
  }
  const std::string_view name = line.substr(0, at);
  const std::string_view total = line.substr(at + total_mark.size());
  const bool is_total =
      !total.empty() && total.find_first_not_of("0123456789") == std::string_view::npos;
  return is_total && name.find_first_of(" \t\n\v\f\r") == std::string_view::npos
             ? name
             : std::string_view{};
}

/// Begins the sample of a line `N @ 0x... 0x...`; false when it is none. Threads that the program
/// did not make itself have no addresses.
bool begin_sample(std::string_view line, StackBuilder& builder) {
  const std::size_t at = line.find(" @");
  if (at == std::string_view::npos) {
    return false;
  }
  Samples& samples = builder.profile.samples;
  std::int64_t count = 0;
  if (line.front() == '-' || !parse_integer(line.substr(0, at), 10, count)) {
    return false;
  }
  std::string_view rest = line.substr(at + 2);
  while (!rest.empty() && rest != " ") {
    if (!rest.starts_with(" 0x")) {
      return false;
    }
    const std::size_t end = std::min(rest.find(' ', 1), rest.size());
    std::uint64_t address = 0;
    if (!parse_integer(rest.substr(3, end - 3), 16, address)) {
      return false;
    }
    samples.add_frame(builder.call_before(address));
    rest.remove_prefix(end);
  }
  samples.add_value(count);
  return true;
}

}  // namespace

Result<Profile> parse_go_count(std::string_view bytes) {
  Lines lines(bytes);
  while (lines.next() && is_space_or_comment(lines.line())) {
  }
  const std::string_view name = profile_name(lines.line());
  if (name.empty()) {
    return unrecognized();
  }
  StackBuilder builder;
  builder.set_types({{name, "count"}});
  builder.set_period(name, "count", 1);
  GoSymbols symbols;
  bool is_open = false;
  const auto finish_sample = [&] {
    if (is_open) {
      builder.profile.samples.finish_sample();
    }
    is_open = false;
  };
  while (lines.next()) {
    const std::string_view line = lines.line();
    if (is_space_or_comment(line)) {
      if (is_open) {
        add_go_labels(line, builder.profile);
      }
      symbols.read(line);
      continue;
    }
    if (line.starts_with("---")) {
      break;
    }
    finish_sample();
    if (!begin_sample(line, builder)) {
      return fail(ErrorKind::invalid, "malformed profile format: " + std::string(line));
    }
    is_open = true;
  }
  finish_sample();
  if (!symbols.empty()) {
    symbols.apply(builder);
  }
  skip_to_memory_map(lines);
  return builder.finish(lines);
}

}  // namespace heapwatch::pprof::legacy
