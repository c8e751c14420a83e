#include "memory/glibc/types.h"

#include <gmock/gmock.h>

#include "../programs/heap_program.h"
#include "memory/process/live.h"
#include "memory/readers.h"

namespace heapwatch::memory::glibc {
namespace {

TEST(Types, ObjectsOfAStrippedProgramAreCountedByClass) {
  const heapwatch::tests::HeapProgram program({}, CXX_PROGRAM);
  program.wait();
  const auto sighting = process::look_at(program.pid());
  ASSERT_TRUE(sighting) << sighting.error().message;
  const Picture picture = picture_of(sighting->view, {.types = true});
  std::vector<std::string> counts;
  for (const TypeCount& type : picture.types()) {
    counts.push_back(type.name + " " + std::to_string(type.objects) + " " +
                     std::to_string(type.bytes));
  }
  // 112 and 312 bytes as they were asked for, in chunks of 128 and 320.
  EXPECT_THAT(counts,
              ::testing::ElementsAre("shop::Order 1200 374400", "shop::Session 2500 300000"));
}

}  // namespace
}  // namespace heapwatch::memory::glibc
