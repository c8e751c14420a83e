// Which frame of a stack names the place that allocated.
#pragma once

#include <string_view>

#include "pprof/profile.h"

namespace heapwatch::pprof {

/// True for a function that allocates for others: malloc and its like, the standard libraries of C,
/// C++ and Rust, and the allocators that are known by name. `file` is the source file, or empty.
[[nodiscard]] bool is_plumbing(std::string_view function, std::string_view file);
/// True for a file that is mapped and holds such functions alone: the C and C++ libraries, the
/// loader, and libraries of allocators.
[[nodiscard]] bool is_plumbing_library(std::string_view path);
/// The comment of profiles whose sites name_sites() finds: our own of native memory.
inline constexpr std::string_view native_comment = "#memtrack";

/// Takes the innermost frames that are plumbing from the stacks of profiles with that comment, so
/// that a site is the first frame that is neither allocator nor standard library. Such functions
/// further out stay, and so does a stack of nothing else. Other profiles stay as they are: there
/// the reports are those of pprof.
void name_sites(Profile& profile);

}  // namespace heapwatch::pprof
