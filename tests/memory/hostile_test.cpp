// Programs that pretend to be Go or CPython and lie: a look ends in time, its rows add up, and
// nothing that was forged is shown as counted.
#include <gmock/gmock.h>

#include <ctime>

#include "../testing/subprocess.h"
#include "memory/survey.h"

namespace heapwatch::memory {
namespace {

using heapwatch::tests::Subprocess;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Hostile : public ::testing::Test {
 protected:
  void look(const std::string& runtime, const std::string& how, bool types = false) {
    process_ =
        std::make_unique<Subprocess>(std::vector<std::string>{HOSTILE_PROGRAM, runtime, how});
    while (process_->read_line() != "ready") {
    }
    const std::clock_t begin = std::clock();
    auto seen = survey(process_->pid(), {.types = types});
    // Of CPU, whoever else is on the machine; a second without sanitizers.
    EXPECT_LT((std::clock() - begin) / CLOCKS_PER_SEC, 20);
    ASSERT_TRUE(seen) << seen.error().message;
    survey_ = *std::move(seen);
    std::uint64_t sum = 0;
    for (const Row& row : survey_.rows) {
      sum += row.bytes;
    }
    EXPECT_EQ(sum, survey_.rss);
    EXPECT_EQ(survey_.rss_uncertainty, 0U);
  }
  [[nodiscard]] std::string said(const std::string& reader) const {
    std::string notes;
    for (const Check& check : survey_.checks) {
      notes += check.reader == reader && !check.ok ? check.note + "\n" : "";
    }
    return notes;
  }
  [[nodiscard]] std::vector<std::string> counted(const std::string& owner) const {
    std::vector<std::string> rows;
    for (const Row& row : survey_.rows) {
      if (row.owner == owner && row.state != State::mapped && row.bytes > 0) {
        rows.push_back(std::string(name_of(row.state)) + " " + row.detail);
      }
    }
    return rows;
  }

  Survey survey_;

 private:
  std::unique_ptr<Subprocess> process_;
};

TEST_F(Hostile, ASpanThatIsNoneAmongManyIsFound) {
  look("go", "late");
  EXPECT_THAT(said("go"), HasSubstr("1 of 2000 records are no spans"));
  EXPECT_THAT(counted("go"), IsEmpty());
}

TEST_F(Hostile, ListsWithoutEndCostBoundedTime) {
  look("go", "many");
  EXPECT_THAT(said("go"), HasSubstr("too many lists in the data of"));
  EXPECT_THAT(counted("go"), IsEmpty());
}

TEST_F(Hostile, SpansInAFileAreNone) {
  look("go", "files");
  EXPECT_THAT(said("go"), HasSubstr("a span is where no heap can be"));
  EXPECT_THAT(counted("go"), IsEmpty());
}

TEST_F(Hostile, SpansOfTerabytesAreNone) {
  look("go", "gigantic");
  EXPECT_THAT(said("go"), HasSubstr("a span is where no heap can be"));
  EXPECT_THAT(counted("go"), IsEmpty());
}

TEST_F(Hostile, SpansThatOverlapAreNone) {
  look("go", "overlap");
  EXPECT_THAT(said("go"), HasSubstr("spans overlap"));
  EXPECT_THAT(counted("go"), IsEmpty());
}

TEST_F(Hostile, PoolsWithCirclesAreNone) {
  look("python", "circle", true);
  EXPECT_THAT(counted("pymalloc"), IsEmpty());
  EXPECT_THAT(survey_.types, IsEmpty());
}

TEST_F(Hostile, PoolsOfNoArenaAreNamedAndNotSplit) {
  look("python", "strays", true);
  EXPECT_THAT(said("pymalloc"),
              HasSubstr("0 pools in use were not recognised, 1024 are of an unknown arena"));
  EXPECT_THAT(counted("pymalloc"), IsEmpty());
}

TEST_F(Hostile, TablesWithoutEndCostBoundedTime) {
  look("python", "tables", true);
  EXPECT_THAT(said("pymalloc"), HasSubstr("are of an unknown arena"));
  EXPECT_THAT(counted("pymalloc"), IsEmpty());
}

}  // namespace
}  // namespace heapwatch::memory
