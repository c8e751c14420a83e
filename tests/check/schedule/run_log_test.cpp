#include "check/schedule/run_log.h"

#include <gtest/gtest.h>

#include <string>

namespace heapwatch::check::schedule {
namespace {

using std::chrono::seconds;

/// What the log says of one run after the other, without times.
class RunLogTest : public testing::Test {
 protected:
  RunLogTest() {
    snapshot_.instance = std::make_shared<const metrics::Instance>(metrics::Instance{
        .check_name = "c", .check_version = "1", .id = "c:1", .source = "", .target = ""});
  }

  std::string tell(const std::string& error, const std::vector<std::string>& warnings = {}) {
    snapshot_.error.reset();
    if (!error.empty()) {
      snapshot_.error = base::Error{base::ErrorKind::timeout, error};
    }
    snapshot_.warnings = warnings;
    snapshot_.time.steady += seconds(15);
    stats_.add(snapshot_);
    testing::internal::CaptureStderr();
    log_.tell(snapshot_, stats_, 500);
    std::string text = testing::internal::GetCapturedStderr();
    const auto bar = text.find("| ");
    return bar == std::string::npos ? text : text.substr(bar + 2);
  }

  metrics::Snapshot snapshot_;
  metrics::RunStats stats_;
  RunLog log_;
};

TEST_F(RunLogTest, OneLineForAFailureHoweverLongItLastsAndOneForItsEnd) {
  stats_.runs = 100;  // past the runs that are always told
  EXPECT_EQ(tell(""), "");
  EXPECT_EQ(tell("no answer within 1000 ms"), "ERROR | check c:1: no answer within 1000 ms\n");
  for (int i = 1001; i < 1200; ++i) {
    EXPECT_EQ(tell("no answer within " + std::to_string(i) + " ms"), "");
  }
  EXPECT_EQ(tell(""), "INFO | check c:1: works again, after 200 failed runs in 3000 s\n");
  EXPECT_EQ(tell(""), "");
}

TEST_F(RunLogTest, AnotherFaultIsToldOnceAlsoWhenFaultsTakeTurns) {
  stats_.runs = 100;
  EXPECT_NE(tell("refused"), "");
  EXPECT_NE(tell("timeout"), "");
  EXPECT_EQ(tell("refused"), "");
  EXPECT_EQ(tell("timeout"), "");
  std::size_t told = 0;
  for (char c = 'a'; c <= 'z'; ++c) {
    told += tell(std::string(1, c)).empty() ? 0 : 1;
  }
  EXPECT_EQ(told, 6U);  // eight faults in all
}

TEST_F(RunLogTest, WarningsAreAStateOfTheirOwn) {
  stats_.runs = 100;
  EXPECT_EQ(tell("", {"no path a"}), "WARN | check c:1: no path a\n");
  EXPECT_EQ(tell("", {"no path a"}), "");
  EXPECT_EQ(tell("down"), "ERROR | check c:1: down\n");
  EXPECT_EQ(tell("", {"no path a"}), "WARN | check c:1: no path a\n");
  EXPECT_EQ(tell(""), "INFO | check c:1: works again, after 1 warned run in 15 s\n");
}

TEST_F(RunLogTest, TheFirstGoodRunsAreTold) {
  std::size_t told = 0;
  for (int i = 0; i < 499; ++i) {
    told += tell("").empty() ? 0 : 1;
  }
  EXPECT_EQ(told, 5U);
  EXPECT_EQ(tell(""), "INFO | check c:1: run 500, 0 samples in 0 ms\n");
}

}  // namespace
}  // namespace heapwatch::check::schedule
