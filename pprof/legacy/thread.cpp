// `--- threadz` texts: what each thread of a process is doing.
#include <re2/re2.h>

#include "pprof/legacy/formats.h"

namespace heapwatch::pprof::legacy {
namespace {

bool is_thread_start(std::string_view line) {
  static const RE2 pattern(R"(--- Thread ([[:xdigit:]]+) \(name: (.*)/(\d+)\) stack: ---)");
  return RE2::PartialMatch({line.data(), line.size()}, pattern);
}

/// The stack up to the next `---` line; empty also when it is that of the thread before.
Result<std::vector<std::uint64_t>> read_stack(Lines& lines) {
  std::vector<std::uint64_t> stack;
  bool same_as_previous = false;
  while (lines.next()) {
    const std::string_view line = trim_space(lines.line());
    if (line.empty()) {
      continue;
    }
    if (line.starts_with("---")) {
      break;
    }
    if (line.find("same as previous thread") != std::string_view::npos) {
      same_as_previous = true;
      continue;
    }
    const auto addresses = parse_hex_addresses(line);
    if (!addresses) {
      return fail(ErrorKind::invalid,
                  "malformed sample: " + std::string(line) + ": " + addresses.error().message);
    }
    stack.insert(stack.end(), addresses->begin(), addresses->end());
  }
  if (same_as_previous) {
    stack.clear();
  }
  return stack;
}

}  // namespace

Result<Profile> parse_thread(std::string_view bytes) {
  static const RE2 start(R"(--- threadz \d+ ---)");
  Lines lines(bytes);
  while (lines.next() && is_space_or_comment(lines.line())) {
  }
  if (RE2::PartialMatch({lines.line().data(), lines.line().size()}, start)) {
    while (lines.next() && !is_memory_map_sentinel(lines.line()) &&
           !lines.line().starts_with('-')) {
    }
  } else if (!is_thread_start(lines.line())) {
    return unrecognized();
  }
  StackBuilder builder;
  builder.set_types({{"thread", "count"}});
  builder.set_period("thread", "count", 1);
  Samples& samples = builder.profile.samples;
  while (!is_memory_map_sentinel(lines.line()) &&
         !lines.line().starts_with("---- no stack trace for")) {
    if (!is_thread_start(lines.line())) {
      return unrecognized();
    }
    const auto stack = read_stack(lines);
    if (!stack) {
      return tl::unexpected(stack.error());
    }
    if (stack->empty()) {
      if (samples.size() > 0) {
        ++samples.values(samples.size() - 1)[0];
      }
      continue;
    }
    for (std::size_t i = 0; i < stack->size(); ++i) {
      samples.add_frame(i == 0 ? builder.location_at((*stack)[0])
                               : builder.call_before((*stack)[i]));
    }
    samples.add_value(1);
    samples.finish_sample();
  }
  skip_to_memory_map(lines);
  Profile profile = builder.finish(lines);
  drop_doubled_leaves(profile);
  return profile;
}

}  // namespace heapwatch::pprof::legacy
