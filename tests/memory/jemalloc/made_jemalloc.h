// Extents of jemalloc as a test builds them, and what a liar makes of them.
#pragma once

#include <cstdint>

#include "../process/made_program.h"

namespace heapwatch::tests {

/// A slab of 64-byte blocks of which ten are free, a large block of 16 KiB with a page of padding,
/// and two pages that are kept.
class MadeJemalloc {
 public:
  static constexpr std::uint64_t base = 0x7f0000000000;
  static constexpr std::uint64_t records = base + 0x1000;
  static constexpr std::uint64_t leaf = base + 0x200000;
  static constexpr std::uint64_t base_end = base + 0x400000;
  static constexpr std::uint64_t heap = 0x7f0040000000;  // a border of 1 GiB
  static constexpr std::uint64_t slab = heap;
  static constexpr std::uint64_t large = heap + 0x1000;
  static constexpr std::uint64_t kept = heap + 0x6000;
  static constexpr std::uint64_t heap_end = heap + 0x8000;
  static constexpr std::uint64_t root = MadeProgram::free_data;

  MadeJemalloc() : program_("/usr/bin/server", {{"mallctl", MadeProgram::text + 0x100}}) {
    process().map(base, base_end, "rw-p").map(heap, heap_end, "rw-p").touch(heap, heap_end);
    process().write(root, leaf);
    record(0, slab, 0x1000, bits(4, 10, true, 0));
    record(1, large + 0x40, 0x5000, bits(36, 0, false, 0));
    record(2, kept, 0x2000, bits(0, 0, false, 1));
    lead(slab, 0);
    lead(large, 1);
    lead(kept, 2);
  }

  [[nodiscard]] MadeProcess& process() { return program_.process(); }

  [[nodiscard]] static constexpr std::uint64_t bits(std::uint64_t size_class, std::uint64_t free,
                                                    bool is_slab, std::uint64_t state) {
    return std::uint64_t{is_slab} << 12 | 1U << 13 | state << 17 | size_class << 20 | free << 28;
  }
  void record(std::uint64_t index, std::uint64_t address, std::uint64_t bytes, std::uint64_t bits) {
    const std::uint64_t at = records + index * 128;
    process().write(at, bits).write(at + 8, address).write(at + 16, bytes);
  }
  /// The tree's word for the page at an address.
  void lead(std::uint64_t address, std::uint64_t index) {
    process().write(leaf + address / 4096 % 0x40000 * 8, records + index * 128);
  }

 private:
  MadeProgram program_;
};

}  // namespace heapwatch::tests
