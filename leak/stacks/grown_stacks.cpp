#include "leak/stacks/grown_stacks.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "leak/sites.h"
#include "pprof/parse.h"
#include "pprof/profile.h"
#include "pprof/sample_types.h"

namespace heapwatch::leak::stacks {

namespace {

constexpr std::size_t frames_max = 64;

/// What a stack holds, or how many goroutines have it.
struct Held {
  double count = 0;
  double bytes = 0;
  double used = 0;  // bytes that were ever allocated
  std::vector<Frame> stack;
};
using ByStack = std::map<std::string, Held>;

std::string space_of(ProfileKind kind) {
  return kind == ProfileKind::go_heap ? "go" : "goroutine";
}

std::vector<Frame> stack_of(const pprof::Profile& profile, std::size_t sample,
                            const std::string& space) {
  std::vector<Frame> stack;
  for (const std::uint32_t place : profile.samples.frames(sample)) {
    for (const pprof::Line& line : profile.lines_of(profile.locations[place])) {
      if (line.function == pprof::no_index || stack.size() >= frames_max) {
        continue;
      }
      const pprof::Function& function = profile.functions[line.function];
      stack.push_back({.function = std::string(profile.text(function.name)),
                       .file = std::string(profile.text(function.file)),
                       .line = line.line,
                       .space = space});
    }
  }
  return stack;
}

/// The places of the values in a sample.
struct Values {
  std::size_t count = 0;
  std::optional<std::size_t> bytes;
  std::optional<std::size_t> used;
};

base::Result<Values> values_of(const pprof::Profile& profile, ProfileKind kind) {
  if (kind == ProfileKind::goroutines) {
    if (const auto count = pprof::find_sample_type(profile, "goroutine")) {
      return Values{.count = *count, .bytes = {}, .used = {}};
    }
    return base::fail(base::ErrorKind::invalid, "it is no profile of goroutines");
  }
  const auto count = pprof::find_sample_type(profile, "inuse_objects");
  const auto bytes = pprof::find_sample_type(profile, "inuse_space");
  if (!count || !bytes) {
    return base::fail(base::ErrorKind::invalid, "it is no profile of a heap");
  }
  return Values{
      .count = *count, .bytes = bytes, .used = pprof::find_sample_type(profile, "alloc_space")};
}

base::Result<ByStack> held_by_stack(const std::string& bytes, ProfileKind kind,
                                    std::size_t bytes_max) {
  auto profile = pprof::parse_profile(bytes, {.bytes_max = bytes_max});
  if (!profile) {
    return tl::unexpected(profile.error());
  }
  const auto places = values_of(*profile, kind);
  if (!places) {
    return tl::unexpected(places.error());
  }
  ByStack by_stack;
  for (std::size_t i = 0; i < profile->samples.size(); ++i) {
    std::vector<Frame> stack = stack_of(*profile, i, space_of(kind));
    std::string key;
    for (const Frame& frame : stack) {
      key += frame.function + ":" + std::to_string(frame.line) + "\n";
    }
    Held& held = by_stack[key];
    const auto values = std::as_const(profile->samples).values(i);
    held.count += static_cast<double>(values[places->count]);
    held.bytes += places->bytes ? static_cast<double>(values[*places->bytes]) : 0;
    held.used += places->used ? static_cast<double>(values[*places->used]) : 0;
    held.stack = std::move(stack);
  }
  return by_stack;
}

}  // namespace

std::vector<SiteGrowth> grown_stacks(const std::string& before, const std::string& after,
                                     ProfileKind kind, const GrownOptions& options) {
  if (before.empty() || after.empty()) {
    return {};
  }
  const auto first = held_by_stack(before, kind, options.bytes_max);
  const auto last = held_by_stack(after, kind, options.bytes_max);
  if (!first || !last) {
    return {};
  }
  std::vector<SiteGrowth> grown;
  std::vector<StackUse> uses;
  for (const auto& [key, held] : *last) {
    const auto known = first->find(key);
    const Held none;
    const Held& then = known == first->end() ? none : known->second;
    uses.push_back(
        {.space = space_of(kind), .stack = held.stack, .used = held.used, .held = held.bytes});
    SiteGrowth site{.space = space_of(kind),
                    .stack = held.stack,
                    .count = held.count - then.count,
                    .bytes = held.bytes - then.bytes,
                    .seconds = options.seconds};
    if (kind == ProfileKind::goroutines ? site.count > 0 : site.bytes > 0) {
      grown.push_back(std::move(site));
    }
  }
  std::stable_sort(grown.begin(), grown.end(), [](const SiteGrowth& a, const SiteGrowth& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.count > b.count;
  });
  grown.resize(std::min(grown.size(), grown_stacks_max));
  if (kind != ProfileKind::goroutines) {
    find_helpers(grown, uses);
  }
  return grown;
}

}  // namespace heapwatch::leak::stacks
