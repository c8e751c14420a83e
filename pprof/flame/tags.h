// The tags of a profile that a flame graph can be cut down to.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "pprof/profile.h"

namespace heapwatch::pprof::flame {

inline constexpr std::size_t tag_keys_max = 4;
inline constexpr std::size_t tag_values_max = 24;  // of a key, those that weigh most

/// A label of samples, and which samples have it.
struct SampleTag {
  std::string key;
  std::string value;
  std::vector<bool> samples;
};

/// The tags that tell samples apart: space, thread, component and check before others; the values
/// of a key by the weight of their samples in the sample type `index`.
[[nodiscard]] std::vector<SampleTag> find_tags(const Profile& profile, std::size_t index);

}  // namespace heapwatch::pprof::flame
