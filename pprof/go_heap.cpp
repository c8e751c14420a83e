#include "pprof/go_heap.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/mix.h"
#include "pprof/sample_types.h"

namespace heapwatch::pprof {
namespace {

/// `# NumGC = 12`, which Go's text ends with.
std::optional<std::int64_t> collections_of(const Profile& profile) {
  constexpr std::string_view start = "# NumGC = ";
  for (const StringId id : profile.comments) {
    const std::string_view comment = profile.text(id);
    if (!comment.starts_with(start)) {
      continue;
    }
    std::int64_t number = 0;
    const char* const end = comment.data() + comment.size();
    if (std::from_chars(comment.data() + start.size(), end, number).ec == std::errc()) {
      return number;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<GoHeapState> go_heap_state(const Profile& profile) {
  const auto allocated = find_sample_type(profile, "alloc_space");
  if (!allocated || !find_sample_type(profile, "inuse_space")) {
    return std::nullopt;
  }
  // The C and C++ space has the same types.
  const bool is_go = profile.functions.empty() ||
                     std::any_of(profile.functions.begin(), profile.functions.end(),
                                 [&](const Function& function) {
                                   return profile.text(function.file).ends_with(".go");
                                 });
  if (!is_go) {
    return std::nullopt;
  }
  GoHeapState state;
  state.collections = collections_of(profile);
  for (std::size_t i = 0; i < profile.samples.size(); ++i) {
    const auto values = profile.samples.values(i);
    // A stack that has allocated since the last collection is there already, with nothing.
    if (std::all_of(values.begin(), values.end(), [](std::int64_t value) { return value == 0; })) {
      continue;
    }
    state.allocated = wrapping_add(state.allocated, values[*allocated]);
    std::uint64_t hash = 0;
    for (const std::uint32_t frame : profile.samples.frames(i)) {
      hash = base::mix(hash, profile.locations[frame].address);
    }
    for (const std::int64_t value : values) {
      hash = base::mix(hash, static_cast<std::uint64_t>(value));
    }
    state.fingerprint += hash;
  }
  return state;
}

bool is_same_state(const GoHeapState& a, const GoHeapState& b) {
  if (a.collections && b.collections) {
    return *a.collections == *b.collections;
  }
  return a.fingerprint == b.fingerprint;
}

bool is_started_anew(const GoHeapState& earlier, const GoHeapState& later) {
  if (earlier.collections && later.collections && *later.collections < *earlier.collections) {
    return true;
  }
  return static_cast<double>(later.allocated) <
         static_cast<double>(earlier.allocated) * allocated_share_min;
}

}  // namespace heapwatch::pprof
