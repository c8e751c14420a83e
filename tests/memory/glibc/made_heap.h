// A heap of glibc as a test builds it: an arena, chunks, lists; and what a liar makes of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../process/made_process.h"

namespace heapwatch::tests {

/// A static program: its data segment holds one arena (of glibc 2.27 to 2.42) and malloc_par, its
/// brk heap some chunks.
class MadeHeap {
 public:
  static constexpr std::uint64_t program = 0x400000;
  static constexpr std::uint64_t data = 0x410000;
  static constexpr std::uint64_t data_end = 0x414000;
  static constexpr std::uint64_t arena = data + 0x1000;
  static constexpr std::uint64_t bins = arena + 0x70;
  static constexpr std::uint64_t next = arena + 0x870;
  static constexpr std::uint64_t system_mem = arena + 0x888;
  static constexpr std::uint64_t sbrk_base = data + 0x2000;
  static constexpr std::uint64_t heap = 0x1000000;

  /// `heap_bytes` from the system; the chunks of `sizes` stand first, the rest is the top.
  explicit MadeHeap(std::uint64_t heap_bytes, const std::vector<std::uint64_t>& sizes = {}) {
    write_program();
    process_.map(program, data, "r-xp", "/bin/a", 7)
        .map(data, data_end, "rw-p", "/bin/a", 7, 0x10000)
        .map(heap, heap + heap_bytes, "rw-p", "[heap]");
    process_.touch(data, data_end).touch(heap, heap + heap_bytes);
    process_.recording().facts = {.pid = 12, .command = "a", .exe = "/bin/a"};
    for (std::uint64_t i = 0; i < 127; ++i) {
      const std::uint64_t slot = bins + i * 16;
      process_.write(slot, slot - 16).write(slot + 8, slot - 16);
    }
    process_.write(next, arena);
    process_.write(system_mem, heap_bytes).write(system_mem + 8, heap_bytes);
    process_.write(sbrk_base, heap).write(sbrk_base - 32, std::uint64_t{65536});
    std::uint64_t at = heap;
    for (const std::uint64_t size : sizes) {
      process_.write(at + 8, size | 1);
      at += size;
    }
    set_top(at, heap + heap_bytes - at);
  }

  MadeHeap& set_top(std::uint64_t at, std::uint64_t size) {
    process_.write(arena + 0x60, at).write(at + 8, size | 1);
    return *this;
  }
  [[nodiscard]] MadeProcess& process() { return process_; }

 private:
  /// An ELF header and two segments.
  void write_program() {
    process_.write(program, std::string_view("\x7f"
                                             "ELF\x02\x01\x01",
                                             7));
    put(program + 18, 62, 2);  // x86-64
    put(program + 32, 64, 8);  // the program headers
    put(program + 54, 56, 2);
    put(program + 56, 2, 2);
    segment(0, 5, 0x0, program, data - program);
    segment(1, 6, 0x10000, data, data_end - data);
    process_.touch(program, program + 0x1000, true);
  }
  void segment(std::uint64_t index, std::uint64_t flags, std::uint64_t offset,
               std::uint64_t address, std::uint64_t size) {
    const std::uint64_t at = program + 64 + index * 56;
    put(at, 1, 4);
    put(at + 4, flags, 4);
    put(at + 8, offset, 8);
    put(at + 16, address, 8);
    put(at + 32, size, 8);
    put(at + 40, size, 8);
  }
  void put(std::uint64_t at, std::uint64_t value, std::size_t bytes) {
    process_.write(at, std::string_view(reinterpret_cast<const char*>(&value), bytes));
  }

  MadeProcess process_;
};

}  // namespace heapwatch::tests
