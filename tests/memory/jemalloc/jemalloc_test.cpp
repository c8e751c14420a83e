#include "memory/jemalloc/jemalloc.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "../../testing/subprocess.h"
#include "memory/process/live.h"
#include "memory/readers.h"

namespace heapwatch::memory::jemalloc {
namespace {

using heapwatch::testing::Subprocess;

class JemallocProgram {
 public:
  explicit JemallocProgram(const std::string& threads)
      : process_({"/usr/bin/env", "LD_PRELOAD=" JEMALLOC_LIBRARY, JEMALLOC_PROGRAM, threads}) {
    for (std::string line = process_.read_line(); line != "ready"; line = process_.read_line()) {
      const std::size_t blank = line.find(' ');
      values_[line.substr(0, blank)] = std::stoull(line.substr(blank + 1));
    }
  }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }
  [[nodiscard]] double operator[](const std::string& name) const {
    return static_cast<double>(values_.at(name));
  }

 private:
  Subprocess process_;
  std::map<std::string, std::uint64_t> values_;
};

class Jemalloc : public ::testing::TestWithParam<std::string> {};

TEST_P(Jemalloc, CountsAreThoseOfItsOwnStatistics) {
  const JemallocProgram program(GetParam());
  const auto sighting = process::look_at(program.pid());
  ASSERT_TRUE(sighting) << sighting.error().message;
  const auto module = find_module(*sighting->view);
  ASSERT_TRUE(module);
  const Picture nothing_claimed(sighting->view);
  const Extents extents = find_extents({*sighting->view, nothing_claimed, {}}, *module);
  EXPECT_FALSE(extents.overlap);
  const Totals totals = totals_of(extents);
  EXPECT_NEAR(static_cast<double>(totals.active), program["active"], program["active"] / 1000);
  EXPECT_NEAR(static_cast<double>(totals.allocated), program["allocated"],
              program["allocated"] / 1000);
}

TEST_P(Jemalloc, HasItsRowsInThePicture) {
  const JemallocProgram program(GetParam());
  const auto sighting = process::look_at(program.pid());
  ASSERT_TRUE(sighting) << sighting.error().message;
  const Picture picture = picture_of(sighting->view);
  std::uint64_t all = 0;
  std::map<std::string, std::uint64_t> rows;
  for (const Row& row : picture.rows()) {
    all += row.bytes;
    if (row.owner == "jemalloc") {
      rows[std::string(name_of(row.state))] += row.bytes;
    }
  }
  EXPECT_EQ(all, sighting->view->residency().total());
  EXPECT_NEAR(static_cast<double>(rows["live"]), program["allocated"], program["allocated"] / 50);
  EXPECT_GT(rows["held"], 0U);
  EXPECT_GT(rows["overhead"], 0U);
  EXPECT_LT(rows["mapped"], all / 50);
  for (const Check& check : picture.checks()) {
    EXPECT_TRUE(check.ok) << check.reader << ": " << check.note;
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, Jemalloc, ::testing::Values("1", "4"),
                         [](const auto& one) { return "Of" + one.param; });

TEST(JemallocClasses, GrowInFourStepsToADoubling) {
  EXPECT_EQ(bytes_of_class(0), 8U);
  EXPECT_EQ(bytes_of_class(8), 128U);
  EXPECT_EQ(bytes_of_class(9), 160U);
  EXPECT_EQ(bytes_of_class(12), 256U);
  EXPECT_EQ(bytes_of_class(13), 320U);
  EXPECT_EQ(bytes_of_class(35), 14336U);
  EXPECT_EQ(bytes_of_class(36), 16384U);
}

}  // namespace
}  // namespace heapwatch::memory::jemalloc
