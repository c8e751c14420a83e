// `--- contentionz`, `--- contention:` and `--- mutex:` texts: waiting for locks.
#include <re2/re2.h>

#include "pprof/legacy/formats.h"
#include "pprof/truncate.h"

namespace heapwatch::pprof::legacy {
namespace {

struct Sampling {
  std::int64_t period = 1;
  std::int64_t cpu_hz = 0;
};

/// strconv's base 0: a prefix 0x, 0o, 0b or 0 names the base.
bool parse_any_base(std::string_view text, std::int64_t& value) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) {
    text.remove_prefix(1);
  }
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.starts_with("0b") || text.starts_with("0B")) {
    base = 2;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text.front() == '0') {
    base = 8;
    text.remove_prefix(text[1] == 'o' || text[1] == 'O' ? 2 : 1);
  }
  if (text.starts_with('-') || !parse_integer(text, base, value)) {
    return false;
  }
  if (negative) {
    value = -value;
  }
  return true;
}

/// Reads one `key = value` line; false when the format does not know it.
bool read_attribute(std::string_view key, std::string_view value, Sampling& sampling,
                    Profile& profile) {
  if (key == "discarded samples") {
    return true;
  }
  std::int64_t number = 0;
  if (!parse_any_base(value, number)) {
    return false;
  }
  if (key == "cycles/second") {
    sampling.cpu_hz = number;
  } else if (key == "sampling period") {
    sampling.period = number;
    profile.period = number;
  } else if (key == "ms since reset") {
    profile.duration_nanos = wrapping_multiply(number, 1'000'000);
  } else {
    return false;
  }
  return true;
}

Result<void> add_sample(std::string_view line, const Sampling& sampling, StackBuilder& builder) {
  static const RE2 pattern(R"((\d+) *(\d+) @([ x0-9a-f]*))");
  re2::StringPiece delay_text;
  re2::StringPiece count_text;
  re2::StringPiece addresses;
  if (!RE2::PartialMatch({line.data(), line.size()}, pattern, &delay_text, &count_text,
                         &addresses)) {
    return unrecognized();
  }
  const auto malformed = [&](const std::string& why) {
    return fail(ErrorKind::invalid, "malformed sample: " + std::string(line) + ": " + why);
  };
  std::int64_t delay = 0;
  std::int64_t count = 0;
  if (!parse_integer({delay_text.data(), delay_text.size()}, 10, delay) ||
      !parse_integer({count_text.data(), count_text.size()}, 10, count)) {
    return malformed("value out of range");
  }
  if (sampling.period > 0) {
    if (sampling.cpu_hz > 0) {
      const double cpu_ghz = static_cast<double>(sampling.cpu_hz) / 1e9;
      delay = truncate_to_int(static_cast<double>(delay) * static_cast<double>(sampling.period) /
                              cpu_ghz);
    }
    count = wrapping_multiply(count, sampling.period);
  }
  const auto stack = parse_hex_addresses({addresses.data(), addresses.size()});
  if (!stack) {
    return malformed(stack.error().message);
  }
  Samples& samples = builder.profile.samples;
  for (const std::uint64_t address : *stack) {
    samples.add_frame(builder.call_before(address));
  }
  samples.add_value(count);
  samples.add_value(delay);
  samples.finish_sample();
  return {};
}

}  // namespace

Result<Profile> parse_contention(std::string_view bytes) {
  Lines lines(bytes);
  lines.next();
  if (!lines.line().starts_with("--- contentionz ") && !lines.line().starts_with("--- mutex:") &&
      !lines.line().starts_with("--- contention:")) {
    return unrecognized();
  }
  StackBuilder builder;
  builder.set_types({{"contentions", "count"}, {"delay", "nanoseconds"}});
  builder.set_period("contentions", "count", 1);
  Sampling sampling;
  GoSymbols symbols;
  bool more = false;
  while ((more = lines.next())) {
    const std::string_view line = trim_space(lines.line());
    if (is_space_or_comment(line)) {
      continue;
    }
    const std::size_t equals = line.find('=');
    if (line.starts_with("---") || equals == std::string_view::npos) {
      break;
    }
    if (!read_attribute(trim_space(line.substr(0, equals)), trim_space(line.substr(equals + 1)),
                        sampling, builder.profile)) {
      return unrecognized();
    }
  }
  for (; more; more = lines.next()) {
    const std::string_view line = trim_space(lines.line());
    if (line.starts_with("---")) {
      break;
    }
    if (is_space_or_comment(line)) {
      symbols.read(line);
    } else if (auto added = add_sample(line, sampling, builder); !added) {
      return tl::unexpected(added.error());
    }
  }
  if (!symbols.empty()) {
    symbols.apply(builder);
  }
  skip_to_memory_map(lines);
  return builder.finish(lines);
}

}  // namespace heapwatch::pprof::legacy
