// A Go program as a test builds it: a heap of some spans and two goroutines, and what a liar makes
// of them.
#pragma once

#include <cstdint>
#include <string>

#include "../process/made_program.h"

namespace heapwatch::tests {

class MadeGo {
 public:
  static constexpr std::uint64_t heap = 0xc000000000;
  static constexpr std::uint64_t heap_bytes = 0x40000;
  static constexpr std::uint64_t records = 0x7f0000000000;
  static constexpr std::uint64_t records_end = records + 0x4000;
  static constexpr std::uint64_t list = records + 0x2000;
  static constexpr std::uint64_t slice = MadeProgram::free_data;
  static constexpr std::uint64_t record_bytes = 160;
  static constexpr std::uint64_t span_page = 8192;
  static constexpr std::uint64_t spans = 12;  // one of them stacks, one free
  static constexpr std::uint64_t use_at = 96;

  MadeGo() : program_("/usr/bin/server") {
    process().write(MadeProgram::text + 0x200, std::string_view("\xff Go buildinf:\x08\x02", 16));
    process().write(MadeProgram::text + 0x220, std::string_view("\x08go1.19.8", 9));
    process().map(heap, heap + heap_bytes, "rw-p").map(records, records_end, "rw-p");
    process().touch(heap, heap + heap_bytes).touch(records, records_end);
    for (std::uint64_t i = 0; i < spans; ++i) {
      write_span(i, i + 2 == spans ? 2 : i + 1 == spans ? 0 : 1);
      process().write(list + i * 8, records + i * record_bytes);
    }
    process().write(slice, list).write(slice + 8, spans).write(slice + 16, spans + 4);
  }

  [[nodiscard]] MadeProcess& process() { return program_.process(); }

 private:
  /// Ten objects of 512 bytes in each span of the heap.
  void write_span(std::uint64_t index, std::uint64_t state) {
    const std::uint64_t at = records + index * record_bytes;
    const std::uint64_t begin = heap + index * span_page;
    process().write(at + 24, begin).write(at + 32, std::uint64_t{1});
    program_.put(at + use_at, 10, 2);
    program_.put(at + use_at + 3, state, 1);
    process().write(at + use_at + 8, std::uint64_t{512}).write(at + use_at + 16, begin + span_page);
  }

  MadeProgram program_;
};

}  // namespace heapwatch::tests
