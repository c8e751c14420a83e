// A segment of mimalloc with words written over: whatever it says, the rows add up, and no more is
// live than there is room for.
#include <cstdint>
#include <cstdlib>

#include "../memory/mimalloc/made_mimalloc.h"
#include "mutations.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using heapwatch::memory::AllocatorReport;
  using heapwatch::tests::MadeMimalloc;
  heapwatch::tests::FuzzInput input(data, size);
  MadeMimalloc made;
  const std::array<heapwatch::memory::process::Range, 3> ranges{{
      {MadeMimalloc::segment, MadeMimalloc::records + 0x300},
      {MadeMimalloc::records, MadeMimalloc::records + 0x300},
      {MadeMimalloc::small_page, MadeMimalloc::small_page + 0x500},
  }};
  mutate(input, made.process(), ranges);
  const auto picture = heapwatch::tests::all_readers(made.process());
  for (const AllocatorReport& report : picture.allocators()) {
    if (report.in_use_bytes > MadeMimalloc::bytes) {
      std::abort();
    }
  }
  return 0;
}
