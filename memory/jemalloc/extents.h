// The extents of jemalloc 5: the runs of pages that it has, in use or not.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "memory/picture.h"
#include "memory/process/modules.h"

namespace heapwatch::memory::jemalloc {

/// Units: bytes.
struct Extent {
  std::uint64_t record = 0;  // where its descriptor is
  std::uint64_t begin = 0;   // a page
  std::uint64_t bytes = 0;
  enum class State : std::uint8_t { active, dirty, muzzy, retained } state = State::active;
  bool is_slab = false;           // cut into blocks of one size
  std::uint64_t block_bytes = 0;  // of an active one: the size of its blocks, or of its one block
  std::uint64_t live_blocks = 0;  // those in caches of threads too

  [[nodiscard]] std::uint64_t end() const { return begin + bytes; }
  [[nodiscard]] std::uint64_t live_bytes() const { return live_blocks * block_bytes; }
};

struct Extents {
  std::vector<Extent> extents;        // by address
  std::vector<std::uint64_t> leaves;  // the parts of the tree that lead to them
  bool overlap = false;
  bool too_much = false;  // some may be missing: there was too much that looked like them
};

/// The library or program that is jemalloc; nothing when there is none.
[[nodiscard]] std::optional<process::Module> find_module(const process::ProcessView& view);

/// The size of the blocks of a class.
[[nodiscard]] std::uint64_t bytes_of_class(std::uint64_t index);

[[nodiscard]] Extents find_extents(const Look& look, const process::Module& module);

}  // namespace heapwatch::memory::jemalloc
