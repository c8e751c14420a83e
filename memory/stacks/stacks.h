// Thread stacks: how far each thread has gone down, and what it touched and left.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "memory/picture.h"

namespace heapwatch::memory::stacks {

/// What a thread runs on.
struct Stack {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  /// Absent: no thread is seen on it, or it runs and its pointer is not to be had.
  std::optional<std::uint64_t> pointer;
  bool is_main = false;
  /// Its borders are pthread's own; else those of the mapping.
  bool exact = false;
};

/// The stacks of a process, by address.
[[nodiscard]] std::vector<Stack> find_stacks(const process::ProcessView& view);

/// Live: from 128 bytes (the red zone) below the stack pointer to the top. Held: below, touched
/// once; and the stacks of ended threads, which glibc keeps for new ones.
[[nodiscard]] Found find(const Look& look);

}  // namespace heapwatch::memory::stacks
