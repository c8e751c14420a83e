// The heap and contention texts of Java processes, whose names come after the samples.
#include <re2/re2.h>

#include "pprof/legacy/formats.h"
#include "pprof/legacy/pieces.h"

namespace heapwatch::pprof::legacy {
namespace {

constexpr std::int64_t java_heap_sampling_rate = 524288;

enum class Kind : std::uint8_t { heap, contention };

/// One `name=value` line of the head; false when the format does not know it.
bool read_attribute(Kind kind, std::string_view name, std::string_view value,
                    StackBuilder& builder) {
  const bool is_heap = kind == Kind::heap;
  std::int64_t number = 0;
  if (name == "format") {
    return value == "java";
  }
  if (name == "resolution") {
    if (is_heap) {
      builder.set_types({{"inuse_objects", "count"}, {"inuse_space", value}});
    } else {
      builder.set_types({{"contentions", "count"}, {"delay", value}});
    }
    return true;
  }
  if (is_heap || !parse_integer(value, 10, number)) {
    return false;
  }
  if (name == "sampling period") {
    builder.set_period("contentions", "count", number);
    return true;
  }
  builder.profile.duration_nanos = wrapping_multiply(number, 1'000'000);
  return name == "ms since reset";
}

Result<void> add_sample(Kind kind, std::string_view line, re2::StringPiece second_text,
                        re2::StringPiece first_text, re2::StringPiece addresses,
                        StackBuilder& builder) {
  const auto malformed = [&](const std::string& why) {
    return fail(ErrorKind::invalid, "malformed sample: " + std::string(line) + ": " + why);
  };
  CountAndSize values;
  if (!parse_integer(view(first_text), 10, values.count) ||
      !parse_integer(view(second_text), 10, values.size)) {
    return malformed("value out of range");
  }
  const auto stack = parse_hex_addresses(view(addresses));
  if (!stack) {
    return malformed(stack.error().message);
  }
  Profile& profile = builder.profile;
  if (kind == Kind::heap) {
    if (values.count == 0) {
      return malformed("second value must be non-zero");
    }
    profile.samples.add_label({profile.strings.add("bytes"), true, 0, values.size / values.count});
    values = unsample_heap(values, java_heap_sampling_rate);
  } else if (profile.period != 0) {
    values.count = wrapping_multiply(values.count, profile.period);
    values.size = wrapping_multiply(values.size, profile.period);
  }
  for (const std::uint64_t address : *stack) {
    profile.samples.add_frame(builder.location_at(address));
  }
  profile.samples.add_value(values.count);
  profile.samples.add_value(values.size);
  profile.samples.finish_sample();
  return {};
}

/// Takes `0xADDRESS name (file:line)` for an address that a sample has.
void read_location(std::string_view line, const HashIndex& by_address, StackBuilder& builder) {
  static const RE2 location_pattern(R"(^\s*0x([[:xdigit:]]+)\s+(.*)\s*$)");
  static const RE2 file_line_pattern(R"(^(.*)\s+\((.+):(-?[[:digit:]]+)\)$)");
  static const RE2 path_pattern(R"(^(.*)\s+\((.*)\)$)");
  re2::StringPiece address_text;
  re2::StringPiece what;
  std::uint64_t address = 0;
  if (!RE2::FullMatch(piece(line), location_pattern, &address_text, &what) ||
      !parse_integer(view(address_text), 16, address)) {
    return;
  }
  Profile& profile = builder.profile;
  const std::uint32_t at = by_address.find(hash_word(0, address), [&](std::uint32_t other) {
    return profile.locations[other].address == address;
  });
  if (at == no_index || profile.locations[at].line_count != 0) {
    return;
  }
  re2::StringPiece name = what;
  re2::StringPiece file;
  re2::StringPiece line_text;
  std::int64_t line_number = 0;
  if (RE2::FullMatch(what, file_line_pattern, &name, &file, &line_text)) {
    if (!parse_integer(view(line_text), 10, line_number) || line_number < 0) {
      line_number = 0;
    }
  } else if (RE2::FullMatch(what, path_pattern, &name, &file)) {
    file.remove_prefix(file.rfind('/') == re2::StringPiece::npos ? 0 : file.rfind('/') + 1);
  } else if (view(what).find("generated stub/JIT") != std::string_view::npos) {
    name = "STUB";
  } else {
    name = what;
  }
  Location& location = profile.locations[at];
  location.first_line = static_cast<std::uint32_t>(profile.lines.size());
  location.line_count = 1;
  profile.lines.push_back(
      {.function = builder.function(view(name), view(file)), .line = line_number});
}

}  // namespace

Result<Profile> finish_java(StackBuilder& builder, Lines lines) {
  HashIndex by_address;
  Profile& profile = builder.profile;
  for (std::uint32_t i = 0; i < profile.locations.size(); ++i) {
    by_address.find_or_add(hash_word(0, profile.locations[i].address), i,
                           [](std::uint32_t) { return false; });
  }
  while (lines.next()) {
    read_location(trim_space(lines.line()), by_address, builder);
  }
  for (Location& location : profile.locations) {
    if (location.line_count != 0) {
      location.address = 0;
    }
  }
  Profile finished = builder.finish();
  // The addresses were only names for the lines that follow.
  for (Location& location : finished.locations) {
    location.address = 0;
  }
  return finished;
}

Result<Profile> parse_java(std::string_view bytes) {
  static const RE2 attribute_pattern(R"(([\w ]+)=([\w ]+))");
  static const RE2 sample_pattern(R"( *(\d+) +(\d+) +@ +([ x0-9a-f]*))");
  Lines lines(bytes);
  lines.next();
  const std::string_view head = trim_space(lines.line());
  const Kind kind = head == "--- heapz 1 ---" ? Kind::heap : Kind::contention;
  if (kind == Kind::contention && head != "--- contentionz 1 ---") {
    return unrecognized();
  }
  StackBuilder builder;
  bool more = lines.next();
  re2::StringPiece first;
  re2::StringPiece second;
  re2::StringPiece addresses;
  for (; more; more = lines.next()) {
    const std::string_view line = trim_space(lines.line());
    if (line.empty()) {
      continue;
    }
    if (!RE2::PartialMatch(piece(line), attribute_pattern, &first, &second)) {
      break;
    }
    if (!read_attribute(kind, trim_space(view(first)), trim_space(view(second)), builder)) {
      return unrecognized();
    }
  }
  if (builder.profile.sample_types.empty()) {
    return unrecognized();
  }
  for (; more; more = lines.next()) {
    const std::string_view line = trim_space(lines.line());
    if (line.empty()) {
      continue;
    }
    if (!RE2::PartialMatch(piece(line), sample_pattern, &second, &first, &addresses)) {
      break;
    }
    if (auto added = add_sample(kind, line, second, first, addresses, builder); !added) {
      return tl::unexpected(added.error());
    }
  }
  // The line that ended the samples is the first that may name a location.
  if (more) {
    lines.again();
  }
  return finish_java(builder, lines);
}

}  // namespace heapwatch::pprof::legacy
