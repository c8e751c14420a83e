// A process of our own that is attached to another one, for as long as it is wanted.
#pragma once

#include <string_view>

namespace heapwatch::check::children {

/// The argument by which this program is started as one, with the pid behind it. Its standard input
/// ends when the process is to be let go of, and so with us. On its standard output it says what
/// became of the attach, in lines; one that begins with attacher_good is no trouble.
inline constexpr std::string_view attacher_argument = "attach-to:";
inline constexpr std::string_view attacher_good = "+";

}  // namespace heapwatch::check::children
