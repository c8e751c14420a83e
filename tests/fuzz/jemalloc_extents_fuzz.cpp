// Extents of jemalloc with words written over: whatever they say, the rows add up, and no more is
// live than is mapped.
#include <cstdint>
#include <cstdlib>

#include "../memory/jemalloc/made_jemalloc.h"
#include "mutations.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using heapwatch::tests::MadeJemalloc;
  heapwatch::tests::FuzzInput input(data, size);
  MadeJemalloc made;
  const std::array<heapwatch::memory::process::Range, 4> ranges{{
      {MadeJemalloc::records, MadeJemalloc::records + 0x200},
      {MadeJemalloc::leaf, MadeJemalloc::leaf + 0x80},
      {MadeJemalloc::root, MadeJemalloc::root + 0x40},
      {MadeJemalloc::heap, MadeJemalloc::heap_end},
  }};
  mutate(input, made.process(), ranges);
  const auto picture = heapwatch::tests::all_readers(made.process());
  constexpr std::uint64_t mapped =
      MadeJemalloc::base_end - MadeJemalloc::base + MadeJemalloc::heap_end - MadeJemalloc::heap;
  for (const auto& report : picture.allocators()) {
    if (report.in_use_bytes > mapped) {
      std::abort();
    }
  }
  return 0;
}
