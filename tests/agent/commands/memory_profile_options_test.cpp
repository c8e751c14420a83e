#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "agent/commands/memory_profile.h"

namespace heapwatch::agent::commands {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(WithLongFlags, JoinsAFlagOfMemoryProfilesWithItsValue) {
  EXPECT_THAT(
      with_long_flags({"check", "foo", "-m", "-m-frames", "50", "-m-gc=1", "--m-sort", "x"}),
      ElementsAre("check", "foo", "-m", "--m-frames=50", "--m-gc=1", "--m-sort=x"));
}

TEST(WithLongFlags, TakesAValueThatLooksLikeAFlag) {
  EXPECT_THAT(with_long_flags({"-m-limit", "-5", "-r"}), ElementsAre("--m-limit=-5", "-r"));
}

TEST(WithLongFlags, LeavesOutAFlagWithAnEmptyValue) {
  EXPECT_THAT(with_long_flags({"-m-dir", "", "--m-unit="}), IsEmpty());
}

TEST(WithLongFlags, LeavesAloneWhatIsNoSuchFlag) {
  const std::vector<std::string> others{"-m-frame", "--m", "-m-",
                                        "m-frames", "1",   "--memory-frames"};
  EXPECT_EQ(with_long_flags(others), others);
}

TEST(WithLongFlags, LeavesAloneWhatComesAfterTwoDashes) {
  EXPECT_THAT(with_long_flags({"exec", "-m-gc", "1", "--", "prog", "-m-gc", "1"}),
              ElementsAre("exec", "--m-gc=1", "--", "prog", "-m-gc", "1"));
}

TEST(WithLongFlags, LeavesTheLastFlagWithoutAValueToTheParser) {
  EXPECT_THAT(with_long_flags({"-m-frames"}), ElementsAre("--m-frames"));
}

std::string refusal(std::map<std::string, std::string> values) {
  MemoryProfileOptions options;
  options.values = std::move(values);
  const auto valid = validate(options);
  return valid ? "" : valid.error().message;
}

TEST(MemoryProfileOptions, AreRefusedInTheAgentsWords) {
  EXPECT_EQ(refusal({{"frames", "12"}, {"gc", "+1"}, {"combine", "-1"}, {"sort", "lineno"}}), "");
  EXPECT_EQ(refusal({{"gc", "yes"}}), "--m-gc must be an integer");
  EXPECT_EQ(refusal({{"frames", "0"}}), "--m-frames must be in range [1; 65535]");
  EXPECT_EQ(refusal({{"combine", "1"}, {"sort", "traceback"}}),
            "--m-combine cannot be sorted (--m-sort) by traceback");
  EXPECT_EQ(refusal({{"profiler", "other"}}), "--m-profiler must be one of: native | tracemalloc");
}

}  // namespace
}  // namespace heapwatch::agent::commands
