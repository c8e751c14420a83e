// A heap of glibc with words written over: whatever it says, the rows add up and the walk ends.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "../memory/glibc/made_heap.h"
#include "memory/glibc/heaps.h"
#include "memory/readers.h"

namespace {

using heapwatch::testing::MadeHeap;

constexpr std::uint64_t heap_bytes = 0x8000;
constexpr std::size_t writes_max = 64;

/// Takes numbers off the input; 0 when it has ended.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  template <typename T>
  T take() {
    T value{};
    const std::size_t bytes = std::min(sizeof value, size_);
    std::memcpy(&value, data_, bytes);
    data_ += bytes;
    size_ -= bytes;
    return value;
  }
  [[nodiscard]] bool is_empty() const { return size_ == 0; }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using heapwatch::memory::Picture;
  using heapwatch::memory::Row;
  Input input(data, size);
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
  const auto view = heap.process().view();
  const Picture picture = heapwatch::memory::picture_of(view);
  std::uint64_t sum = 0;
  for (const Row& row : picture.rows()) {
    sum += row.bytes;
  }
  if (sum != view->residency().total()) {
    std::abort();
  }
  if (picture.glibc() != nullptr) {
    std::size_t blocks = 0;
    for_each_block(*view, *picture.glibc(),
                   [&](const heapwatch::memory::glibc::Chunk&) { ++blocks; });
    if (blocks > heap_bytes) {
      std::abort();
    }
  }
  return 0;
}
