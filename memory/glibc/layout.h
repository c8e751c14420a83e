// Where glibc keeps its arenas, found in its data without symbols and without a table of versions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "memory/process/reading.h"
#include "memory/process/view.h"

namespace heapwatch::memory::glibc {

inline constexpr std::size_t arenas_max = 4096;
inline constexpr std::uint64_t header_bytes = 16;  // of a chunk: previous size, size
inline constexpr std::uint64_t chunk_bytes_min = 32;
inline constexpr std::uint64_t size_mask = ~std::uint64_t{7};
inline constexpr std::uint64_t previous_in_use = 1;
inline constexpr std::uint64_t is_mmapped = 2;

/// Offsets into struct malloc_state.
struct StateLayout {
  std::uint64_t fastbins = 0;  // 0: this glibc has none
  std::uint64_t top = 0;
  std::uint64_t bins = 0;
  std::uint64_t next = 0;
  std::uint64_t system_mem = 0;
  std::uint64_t bytes = 0;  // of the whole
};

/// What of struct malloc_par matters. Units: bytes.
struct Parameters {
  std::uint64_t mmaps = 0;  // how many blocks have a mapping of their own
  std::uint64_t mmapped_bytes = 0;
  std::uint64_t sbrk_base = 0;  // 0: the main arena is empty
};

struct Layout {
  StateLayout state;
  std::vector<std::uint64_t> arenas;  // addresses; the main arena first
  std::optional<Parameters> parameters;
  process::Range data;  // where the main arena and glibc's other variables are
  std::string version;  // "2.36"; empty: not known
};

/// The mappings of brk: [heap], and what touches it under the same name.
[[nodiscard]] std::optional<process::Range> brk_heap(const process::ProcessView& view);

/// Whether libc is mapped as a library.
[[nodiscard]] bool has_libc(const process::ProcessView& view);

/// The file that brings a malloc of its own, so that libc's is not in use; empty when there is
/// none.
[[nodiscard]] std::string other_malloc(const process::ProcessView& view);

/// Absent: this process has no glibc, or its arenas were not to be made out.
[[nodiscard]] std::optional<Layout> find_layout(const process::ProcessView& view);

}  // namespace heapwatch::memory::glibc
