// An interpreter of Python with words written over: whatever it says, the rows add up, and no more
// objects are counted than there is room for.
#include <cstdint>
#include <cstdlib>

#include "../memory/pymalloc/made_python.h"
#include "mutations.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using heapwatch::memory::TypeCount;
  using heapwatch::tests::MadeProgram;
  using heapwatch::tests::MadePython;
  heapwatch::tests::FuzzInput input(data, size);
  MadePython python;
  const std::array<heapwatch::memory::process::Range, 4> ranges{{
      {MadePython::runtime, MadePython::names + 0x40},
      {MadePython::table, MadePython::table + 0x1000},
      {MadePython::arena, MadePython::arena + 2 * MadePython::pool_bytes},
      {MadeProgram::data, MadeProgram::free_data},
  }};
  mutate(input, python.process(), ranges);
  const auto picture = heapwatch::tests::all_readers(python.process());
  std::uint64_t objects = 0;
  for (const TypeCount& type : picture.types()) {
    objects += type.objects;
  }
  constexpr std::uint64_t smallest_block = 16;
  if (objects > 4 * MadePython::pool_bytes / smallest_block) {
    std::abort();
  }
  return 0;
}
