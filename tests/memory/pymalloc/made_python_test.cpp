// Interpreters that lie, word by word.
#include "made_python.h"

#include <gmock/gmock.h>

#include "memory/readers.h"

namespace heapwatch::memory::pymalloc {
namespace {

using heapwatch::tests::MadePython;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> rows_of(const Picture& picture) {
  std::vector<std::string> rows;
  std::uint64_t sum = 0;
  for (const Row& row : picture.rows()) {
    sum += row.bytes;
    if (row.owner == "pymalloc") {
      rows.push_back(std::string(name_of(row.state)) + " " + std::to_string(row.bytes) +
                     (row.detail.empty() ? "" : " " + row.detail));
    }
  }
  EXPECT_EQ(sum, picture.view().residency().total());
  return rows;
}

std::string failed(const Picture& picture) {
  std::string notes;
  for (const Check& check : picture.checks()) {
    notes += check.ok ? "" : check.note;
  }
  return notes;
}

TEST(PythonMade, AnHonestInterpreterIsSplitAndItsObjectsAreCounted) {
  MadePython python;
  const Picture picture = picture_of(python.process().view(), {.types = true});
  EXPECT_EQ(failed(picture), "");
  EXPECT_THAT(rows_of(picture),
              ElementsAre("live 1664", "held 30976 free in pools", "held 32768 free pools",
                          "overhead 128 headers and rounding of pools"));
  std::vector<std::string> types;
  for (const TypeCount& type : picture.types()) {
    types.push_back(type.name + " " + std::to_string(type.objects) + " " +
                    std::to_string(type.bytes));
  }
  EXPECT_THAT(types, ElementsAre("Sample 20 1280", "list 3 384"));
}

TEST(PythonMade, PoolsThatAnArenaCountsAndNobodySeesAreNotCalledFree) {
  MadePython python;
  // The second pool says that it has a block more than was cut.
  python.process().write(MadePython::second_pool, std::uint64_t{2 * MadePython::lists + 1});
  const Picture picture = picture_of(python.process().view());
  EXPECT_EQ(failed(picture), "1 pools in use were not recognised, 0 are of an unknown arena");
  EXPECT_THAT(rows_of(picture),
              ElementsAre("live 1280", "held 15040 free in pools", "held 32768 free pools",
                          "overhead 64 headers and rounding of pools",
                          "mapped 16384 pools that were not recognised"));
}

TEST(PythonMade, ATableThatLiesAboutItsArenaLeavesThePoolsAStray) {
  MadePython python;
  python.process().write(MadePython::table + 16, std::uint64_t{0xffffffffffffffff});
  const Picture picture = picture_of(python.process().view(), {.types = true});
  EXPECT_EQ(failed(picture), "0 pools in use were not recognised, 2 are of an unknown arena");
  EXPECT_THAT(rows_of(picture), ElementsAre("mapped 32768 pools of an unknown arena"));
}

TEST(PythonMade, TypesThatLeadInACircleOrNowhereAreNone) {
  MadePython python;
  python.process()
      .write(MadePython::sample_type + 8, MadePython::list_type)
      .write(MadePython::list_type + 8, MadePython::sample_type)
      .write(MadePython::list_type + 24, std::uint64_t{0x10});
  const Picture picture = picture_of(python.process().view(), {.types = true});
  ASSERT_EQ(picture.types().size(), 1U);
  EXPECT_EQ(picture.types()[0].name, "(blocks without an object)");
}

}  // namespace
}  // namespace heapwatch::memory::pymalloc
