// A heap of Go with words written over: whatever it says, the rows add up, and no more is in use
// than is mapped.
#include <cstdint>
#include <cstdlib>

#include "../memory/golang/made_go.h"
#include "memory/golang/golang.h"
#include "mutations.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using heapwatch::tests::MadeGo;
  using heapwatch::tests::MadeProgram;
  heapwatch::tests::FuzzInput input(data, size);
  MadeGo go;
  const std::array<heapwatch::memory::process::Range, 3> ranges{{
      {MadeGo::records, MadeGo::records + MadeGo::spans * MadeGo::record_bytes},
      {MadeGo::list, MadeGo::list + MadeGo::spans * 8},
      {MadeGo::slice, MadeGo::slice + 0x80},
  }};
  mutate(input, go.process(), ranges);
  const auto picture = heapwatch::tests::all_readers(go.process());
  const auto heap = heapwatch::memory::golang::read_heap(*go.process().view());
  constexpr std::uint64_t mapped = MadeGo::heap_bytes + MadeGo::records_end - MadeGo::records;
  if (heap && *heap && (*heap)->heap_in_use + (*heap)->stacks_in_use > mapped) {
    std::abort();
  }
  return picture.rows().empty() ? 1 : 0;
}
