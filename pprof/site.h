// Which frame of a stack names the place that allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "pprof/profile.h"

namespace heapwatch::pprof {

/// True for a function that allocates for others: malloc and its like, the standard libraries of C,
/// C++ and Rust, and the allocators that are known by name. `file` is the source file, or empty.
[[nodiscard]] bool is_plumbing(std::string_view function, std::string_view file);
/// True for a file that is mapped and holds such functions alone: the C and C++ libraries, the
/// loader, and libraries of allocators.
[[nodiscard]] bool is_plumbing_library(std::string_view path);
/// What a frame is to one who looks for the place that allocated.
enum class FrameRole : std::uint8_t {
  code,
  plumbing,  // allocates for others
  bridge,    // carries a call from Go to C, or back, and is of neither: `runtime.asmcgocall`
  stub,      // Go's own name of a function in C: `main._Cfunc_add`
};
[[nodiscard]] FrameRole role_of(std::string_view function, std::string_view file);
/// The numbers of the frames that are shown of a stack, innermost first: from the first on that is
/// neither plumbing nor bridge, without the bridges and stubs further out. All, where there is no
/// such frame.
[[nodiscard]] std::vector<std::size_t> shown_frames(const std::vector<FrameRole>& roles);

/// The comment of profiles whose sites name_sites() finds: our own of native memory.
inline constexpr std::string_view native_comment = "#memtrack";

/// Takes the innermost frames that are plumbing from the stacks of profiles with that comment, so
/// that a site is the first frame that is neither allocator nor standard library, and what carries
/// calls between Go and C. Plumbing further out stays, and so does a stack of nothing else. Other
/// profiles stay as they are: there the reports are those of pprof.
void name_sites(Profile& profile);

}  // namespace heapwatch::pprof
