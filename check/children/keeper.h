// Child processes of checks end with the agent, however it ends.
#pragma once

#include <sys/types.h>

namespace heapwatch::check::children {

/// The process group for the children of checks; 0 when there is none. The first call starts the
/// keeper, which is the group's leader.
///
/// Threads: any. In a forked child it starts nothing.
[[nodiscard]] pid_t group() noexcept;

/// A child that leads a process group of its own.
void keep(pid_t child) noexcept;

/// For a process that leads a group which somebody else ends: children go into that one, and no
/// keeper is started.
void use_own_group() noexcept;

/// The argument by which this program is started as the keeper.
inline constexpr const char* keeper_argument = "keep-children";
/// What it does then; the return value is the program's.
[[nodiscard]] int run_keeper() noexcept;

}  // namespace heapwatch::check::children
