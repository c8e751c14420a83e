#include "agent/commands/moment.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace heapwatch::agent::commands {
namespace {

constexpr std::int64_t now = 1'790'000'000'000;

TEST(Moment, IsALengthOfTimeAgo) {
  EXPECT_EQ(parse_moment("now", now), now);
  EXPECT_EQ(parse_moment("90s", now), now - 90'000);
  EXPECT_EQ(parse_moment("2h", now), now - 7'200'000);
  EXPECT_EQ(parse_moment("3d", now), now - 3 * 86'400'000);
}

TEST(Moment, IsADate) {
  ::setenv("TZ", "UTC-2", 1);  // two hours east
  ::tzset();
  EXPECT_EQ(parse_moment("2026-11-30T14:05:30Z", now), 1'796'047'530'000);
  EXPECT_EQ(parse_moment("2026-11-30 14:05Z", now), 1'796'047'500'000);
  EXPECT_EQ(parse_moment("2026-11-30T14:05", now), 1'796'047'500'000 - 7'200'000);
  EXPECT_EQ(parse_moment("2026-11-30", now), 1'795'989'600'000);
  EXPECT_EQ(moment_text(1'796'047'530'000), "2026-11-30 16:05:30");
  EXPECT_EQ(parse_moment("1796047530000", now), 1'796'047'530'000);
}

TEST(Moment, IsNothingElse) {
  for (const std::string text : {"", "yesterday", "5", "100", "2026-13-01", "2026-11-30T14:05:30X",
                                 "-2h", "d", "-1d", "99999d", "2026-11-30T14:05 and more"}) {
    EXPECT_FALSE(parse_moment(text, now)) << text;
  }
}

}  // namespace
}  // namespace heapwatch::agent::commands
