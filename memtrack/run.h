// Runs: which stretch of a component's work a block belongs to, and what a stretch left behind.
#pragma once

#include <cstdint>

#include "memtrack/memtrack.h"

namespace heapwatch::memtrack {

// An owner is a component in the low bits and a run in the others.
constexpr unsigned component_bits = 10;
static_assert(memtrack_components_max == 1 << component_bits);

constexpr memtrack_component component_of(std::uint32_t owner) {
  return owner & (memtrack_components_max - 1);
}
constexpr std::uint32_t run_of(std::uint32_t owner) {
  return owner >> component_bits;
}
constexpr std::uint32_t owner_of(memtrack_component component, std::uint32_t run) {
  return component | run << component_bits;
}

/// Does nothing for a run that has ended.
void count_in_run(std::uint32_t run, std::uint64_t bytes, bool allocation) noexcept;

void runs_before_fork() noexcept;
void runs_after_fork() noexcept;

}  // namespace heapwatch::memtrack
