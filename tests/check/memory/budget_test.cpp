#include "check/memory/budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace heapwatch::check::memory {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr double one_percent = 0.01;

/// Instances that watch a process each, and run every fifteen seconds at a moment of their own.
class Crowd {
 public:
  Crowd(int count, nanoseconds cost) : cost_(cost), due_(static_cast<std::size_t>(count), start_) {
    looks_.resize(due_.size());
  }

  void pass(seconds time) {
    const Moment until = now_ + time;
    const auto apart = nanoseconds(seconds(15)) / static_cast<int>(due_.size());
    for (; now_ < until; now_ += apart) {
      const std::size_t instance = turn_++ % due_.size();
      if (due_[instance] > now_) {
        continue;
      }
      const BudgetRequest request{.who = &due_[instance],
                                  .share = one_percent,
                                  .most = milliseconds(600),
                                  .now = now_,
                                  .waits_since = due_[instance],
                                  .again = seconds(30)};
      if (budget_.allows(request)) {
        budget_.spend(cost_);
        ++looks_[instance];
        due_[instance] = now_ + seconds(60);
      }
      const double may = one_percent * static_cast<double>((now_ - start_).count()) +
                         static_cast<double>(cost_.count());
      over_ = over_ || static_cast<double>(budget_.spent().count()) > may;
    }
  }
  [[nodiscard]] bool was_over() const { return over_; }
  [[nodiscard]] const std::vector<int>& looks() const { return looks_; }
  [[nodiscard]] nanoseconds spent() const { return budget_.spent(); }

 private:
  nanoseconds cost_;
  Moment start_{std::chrono::hours(1)};
  Moment now_ = start_;
  std::size_t turn_ = 0;
  std::vector<Moment> due_;
  std::vector<int> looks_;
  bool over_ = false;
  Budget budget_;
};

TEST(Budget, FiftyInstancesThatStartTogetherStayWithinTheShareFromTheBeginning) {
  Crowd crowd(50, milliseconds(10));
  crowd.pass(seconds(65));
  EXPECT_FALSE(crowd.was_over());
  EXPECT_EQ(*std::min_element(crowd.looks().begin(), crowd.looks().end()), 1);
}

TEST(Budget, OverTheShareEachInstanceStillComesToItsTurn) {
  Crowd crowd(50, milliseconds(150));  // fifteen seconds each: a look of all takes 750 s
  crowd.pass(seconds(3600));
  EXPECT_FALSE(crowd.was_over());
  EXPECT_GT(crowd.spent(), milliseconds(36'000 * 9 / 10));
  const auto [least, most] = std::minmax_element(crowd.looks().begin(), crowd.looks().end());
  EXPECT_GE(*least, 4);
  EXPECT_LE(*most, 6);
}

class Asked : public testing::Test {
 protected:
  bool asks(const void* who, Moment now, Moment since) {
    return budget.allows({.who = who,
                          .share = one_percent,
                          .most = milliseconds(600),
                          .now = now,
                          .waits_since = since,
                          .again = seconds(30)});
  }
  Moment start{std::chrono::hours(1)};
  Budget budget;
  int first = 0;
  int second = 0;
};

TEST_F(Asked, SavesUpNoMoreThanItsMost) {
  EXPECT_TRUE(asks(&first, start, start));
  const Moment later = start + std::chrono::hours(10);
  EXPECT_TRUE(asks(&first, later, later));
  budget.spend(milliseconds(601));
  EXPECT_FALSE(asks(&first, later, later));
  EXPECT_TRUE(asks(&first, later + milliseconds(100), later));
}

TEST_F(Asked, CreditIsHisWhoWaitedLongestUnlessHeComesNoMore) {
  EXPECT_TRUE(asks(&first, start, start));
  budget.spend(milliseconds(100));
  EXPECT_FALSE(asks(&second, start, start));
  const Moment later = start + seconds(20);
  EXPECT_FALSE(asks(&first, later, later));
  EXPECT_TRUE(asks(&second, later, start));
  budget.spend(milliseconds(101));
  EXPECT_FALSE(asks(&second, later, start));
  EXPECT_TRUE(asks(&first, later + seconds(31), later));
}

TEST_F(Asked, WhoWithdrawsHoldsNobodyUp) {
  EXPECT_TRUE(asks(&first, start, start));
  budget.spend(milliseconds(100));
  EXPECT_FALSE(asks(&second, start, start));
  budget.withdraw(&second);
  EXPECT_TRUE(asks(&first, start + seconds(20), start + seconds(20)));
}

TEST_F(Asked, ACommandIsAllowedEverything) {
  budget.lift();
  budget.spend(seconds(100));
  EXPECT_TRUE(asks(&first, start, start));
}

}  // namespace
}  // namespace heapwatch::check::memory
