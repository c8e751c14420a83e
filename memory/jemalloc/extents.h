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
  std::vector<Extent> extents;  // by address
  struct Leaf {
    std::uint64_t address = 0;
    std::uint64_t begin = 0;  // of the GiB of addresses that it is for
  };
  std::vector<Leaf> leaves;  // the parts of the tree that lead to them
  bool overlap = false;
  bool too_much = false;  // some may be missing: there was too much that looked like them
  /// By so many bytes what is live may be off, since the process ran on while it was read.
  std::uint64_t moved_bytes = 0;

  [[nodiscard]] std::uint64_t live_bytes() const;
  /// Whether the numbers are not of one moment: one half of a percent and more may be off.
  [[nodiscard]] bool is_torn() const;
};

/// The library or program that is jemalloc.
struct Home {
  process::Module module;
  bool is_sure = false;  // by its symbols; else by its messages alone
};
/// Nothing when there is none. A program into which it is linked, without symbols, is looked for
/// where much memory has no owner yet.
[[nodiscard]] std::optional<Home> find_home(const Look& look);

/// The size of the blocks of a class.
[[nodiscard]] std::uint64_t bytes_of_class(std::uint64_t index);

/// Of a process that runs on, the extents are read again by the leaves that were found, until two
/// readings agree or the tries are used up.
[[nodiscard]] Extents find_extents(const Look& look, const process::Module& module);

/// By how many bytes the live ones of the later of two readings may be off from those of the moment
/// between them, by what was not alike in both.
[[nodiscard]] std::uint64_t moved_bytes_between(const Extents& before, const Extents& after);

}  // namespace heapwatch::memory::jemalloc
