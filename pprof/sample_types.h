// The kinds of values in a profile by their names.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "pprof/profile.h"

namespace heapwatch::pprof {

/// The place of its values in a sample; none: the profile has no such.
[[nodiscard]] inline std::optional<std::size_t> find_sample_type(const Profile& profile,
                                                                 std::string_view name) {
  for (std::size_t i = 0; i < profile.sample_types.size(); ++i) {
    if (profile.text(profile.sample_types[i].type) == name) {
      return i;
    }
  }
  return std::nullopt;
}

}  // namespace heapwatch::pprof
