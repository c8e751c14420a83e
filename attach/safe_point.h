// Whether a thread stands at a point where it may be borrowed. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "attach/program.h"
#include "attach/thread_state.h"
#include "memory/process/facts.h"

namespace heapwatch::attach {

/// So many bytes above the stack pointer are looked through for frames of signal handlers.
inline constexpr std::size_t stack_scan_bytes = std::size_t{64} * 1024;

/// For pthread_create, which takes locks of the allocator and of thread stacks.
///
/// `stack`: what lies from the stack pointer on. `section`: of the restartable sequence that the
/// thread has announced; empty: none. `takes_waiting`: also a thread that waits in futex, which may
/// be for one of those locks as far as the C library's names tell.
///
/// Returns why it may not be borrowed; nothing when it may.
[[nodiscard]] std::optional<std::string_view> why_not_for_calls(
    const ThreadState& state, const Program& program, std::span<const std::byte> stack,
    const memory::process::Range& section, bool takes_waiting);

/// For system calls, which take no lock of the process: the frame that they return by is put below
/// the thread's stack, so this must be one, with room. `mappings`: sorted, read after the thread
/// came to be.
[[nodiscard]] std::optional<std::string_view> why_not_for_system_calls(
    const ThreadState& state, std::span<const memory::process::Mapping> mappings,
    const memory::process::Range& section);

/// Below the stack pointer, what the frame takes at most.
inline constexpr std::uint64_t stack_room = std::uint64_t{32} * 1024;

}  // namespace heapwatch::attach
