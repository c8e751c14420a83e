// A segment of mimalloc as a test builds it, and what a liar makes of it.
#pragma once

#include <cstdint>

#include "../process/made_process.h"

namespace heapwatch::tests {

class MadeMimalloc {
 public:
  static constexpr std::uint64_t segment = 0x20000000000;  // a border of 32 MiB
  static constexpr std::uint64_t bytes = std::uint64_t{32} << 20;
  static constexpr std::uint64_t slice = 65536;
  static constexpr std::uint64_t small_page = segment + slice;      // of one slice
  static constexpr std::uint64_t large_page = segment + 4 * slice;  // of two, behind two free ones
  static constexpr std::uint64_t records = segment + 264;

  /// `record_bytes` is 80 of mimalloc 2.1, 96 of a free-threaded CPython.
  explicit MadeMimalloc(std::uint64_t record_bytes = 80) : record_bytes_(record_bytes) {
    process_.map(segment, segment + 8 * slice, "rw-p")
        .map(segment + 8 * slice, segment + bytes, "---p")
        .touch(segment, segment + 8 * slice);
    process_.recording().facts = {.pid = 12, .command = "a"};
    process_.write(records - 40, std::uint64_t{512});  // slices
    process_.write(records - 32, std::uint64_t{1});    // of them the head
    process_.write(records - 16, std::uint64_t{512});  // records
    process_.write(records - 8, std::uint64_t{77});    // the thread
    put(record(0), 1, 4);
    put(record(0) + 28, 1, 4);
    // Blocks of 64 bytes: 20 were cut, 15 are in use, of which another thread has freed two.
    put(record(1), 1, 4);
    write_page(record(1), 20, 1000, 15, 64);
    link(record(1) + 16, {small_page + 64 * 3, small_page + 64 * 5, small_page + 64 * 7});
    link(record(1) + 32, {small_page + 64 * 9, small_page + 64 * 11});
    link(record(1) + 40, {small_page + 64 * 13, small_page + 64 * 15}, 2);
    put(record(2), 2, 4);  // free
    put(record(4), 2, 4);
    write_page(record(4), 2, 3, 2, 40000);
    put(record(6), 506, 4);  // free
  }

  [[nodiscard]] std::uint64_t record(std::uint64_t index) const {
    return records + index * record_bytes_;
  }
  void put(std::uint64_t at, std::uint64_t value, std::size_t size) {
    process_.write(at, std::string_view(reinterpret_cast<const char*>(&value), size));
  }
  [[nodiscard]] MadeProcess& process() { return process_; }

 private:
  void write_page(std::uint64_t at, std::uint64_t cut, std::uint64_t room, std::uint64_t used,
                  std::uint64_t block) {
    put(at + 10, cut, 2);
    put(at + 12, room, 2);
    put(at + 24, used, 4);
    put(at + 28, block, 4);
  }
  /// A list of blocks that begins at `at`, where flags may stand in the lowest bits.
  void link(std::uint64_t at, std::initializer_list<std::uint64_t> blocks,
            std::uint64_t flags = 0) {
    for (const std::uint64_t block : blocks) {
      process_.write(at, block | flags);
      at = block;
      flags = 0;
    }
  }

  std::uint64_t record_bytes_;
  MadeProcess process_;
};

}  // namespace heapwatch::tests
