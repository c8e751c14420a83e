// A heap of glibc with words written over: whatever it says, the rows add up and the walk ends.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "../memory/glibc/made_heap.h"
#include "memory/glibc/heaps.h"
#include "mutations.h"

namespace {

using heapwatch::tests::FuzzInput;
using heapwatch::tests::MadeHeap;

constexpr std::uint64_t heap_bytes = 0x8000;
constexpr std::size_t writes_max = 64;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  MadeHeap heap(heap_bytes, {0x20, 0x290, 0x40, 0x40, 0x1000, 0x20});
  for (std::size_t i = 0; i < writes_max && !input.is_empty(); ++i) {
    const auto place = input.take<std::uint16_t>();
    const auto form = input.take<std::uint8_t>();
    auto value = input.take<std::uint32_t>() + std::uint64_t{0};
    // Half of the words lead into the heap or the arena, as links and sizes of a liar would.
    switch (form % 4) {
      case 0:
        value += MadeHeap::heap;
        break;
      case 1:
        value += MadeHeap::arena;
        break;
      case 2:
        value |= value << 32;
        break;
      default:
        break;
    }
    const bool in_heap = (form & 0x80) != 0;
    const std::uint64_t begin = in_heap ? MadeHeap::heap : MadeHeap::data;
    const std::uint64_t bytes = in_heap ? heap_bytes : MadeHeap::data_end - MadeHeap::data;
    heap.process().write(begin + std::uint64_t{place} * 8 % bytes, value);
  }
  const auto picture = heapwatch::tests::all_readers(heap.process());
  if (picture.reach() &&
      picture.reach()->blocks + picture.reach()->reachable_blocks > heap_bytes / 16) {
    std::abort();
  }
  if (picture.glibc() != nullptr) {
    std::size_t blocks = 0;
    for_each_block(picture.view(), *picture.glibc(),
                   [&](const heapwatch::memory::glibc::Chunk&) { ++blocks; });
    if (blocks > heap_bytes) {
      std::abort();
    }
  }
  return 0;
}
