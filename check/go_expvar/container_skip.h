// Behind an object or array that no path enters, without reading what is in it.
#pragma once

#include <cstddef>
#include <string_view>

namespace heapwatch::check::go_expvar {

/// Where the object or array closes that opened just before `text`: an offset in it. Strings are
/// followed to their ends and brackets to their partners; values between them are not looked at.
/// npos when a string or a bracket has no end, a bracket closes another kind, or brackets are
/// nested deeper than `depth_max` in it: a parser can then say what is wrong.
[[nodiscard]] std::size_t end_of_container(std::string_view text, bool is_array,
                                           std::size_t depth_max);

}  // namespace heapwatch::check::go_expvar
