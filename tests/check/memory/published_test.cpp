#include "check/memory/published.h"

#include <gmock/gmock.h>

namespace heapwatch::check::memory {
namespace {

using leak::Verdict;

constexpr double a_minute = 60;
constexpr double a_day = 86'400;
const std::vector<double> window_lengths{600, 3600, 86'400};

Opinion opinion(Verdict verdict, std::string space = "") {
  Opinion made{.verdict = verdict, .space = std::move(space)};
  made.sentence = std::string(leak::name_of(verdict));
  return made;
}
Opinion leak() {
  return opinion(Verdict::leak, "native");
}

class Told : public testing::Test {
 protected:
  /// An opinion a minute, for so many minutes. How often what is told changed.
  int say(const Opinion& said, int minutes) {
    int changes = 0;
    for (int i = 0; i < minutes; ++i) {
      last = published.take(at, said);
      changes += last ? 1 : 0;
      change = last ? last : change;
      at += a_minute;
    }
    return changes;
  }

  Published published{window_lengths};
  double at = 0;
  std::optional<Change> last;
  std::optional<Change> change;
};

TEST_F(Told, AVerdictTakesThreeOpinionsInARow) {
  EXPECT_EQ(say(opinion(Verdict::steady), 2), 0);
  EXPECT_EQ(published.verdict(), Verdict::cannot_tell);
  EXPECT_EQ(say(opinion(Verdict::steady), 1), 1);
  EXPECT_TRUE(change->is_first);
  EXPECT_EQ(published.verdict(), Verdict::steady);
}

TEST_F(Told, ALeakIsToldAndTakenBackOnce) {
  say(opinion(Verdict::steady), 10);
  EXPECT_EQ(say(leak(), 60), 1);
  EXPECT_EQ(change->before, Verdict::steady);
  EXPECT_FALSE(change->is_first);
  EXPECT_EQ(say(opinion(Verdict::steady), 9), 0);  // not before the shortest window has passed
  EXPECT_EQ(say(opinion(Verdict::steady), 60), 1);
  EXPECT_EQ(change->before, Verdict::leak);
  EXPECT_EQ(change->space_before, "native");
}

TEST_F(Told, ADoubtBetweenWhatIsKnownAndALeakIsNotTold) {
  say(opinion(Verdict::steady), 10);
  EXPECT_EQ(say(opinion(Verdict::cannot_tell), 19), 0);
  EXPECT_EQ(say(leak(), 10), 1);
  EXPECT_EQ(change->before, Verdict::steady);
  EXPECT_EQ(say(opinion(Verdict::cannot_tell), 90), 1);
}

TEST_F(Told, ALeakThatIsThereFromTheBeginningIsAChange) {
  say(opinion(Verdict::cannot_tell), 5);
  EXPECT_EQ(say(leak(), 10), 1);
  EXPECT_FALSE(change->is_first);
}

TEST_F(Told, ALeakInAnotherMemoryIsAnotherVerdict) {
  say(leak(), 60);
  EXPECT_EQ(say(opinion(Verdict::leak, "python"), 60), 1);
  EXPECT_EQ(change->space_before, "native");
}

TEST_F(Told, TheLatestOpinionThatAgreesIsWhatIsTold) {
  say(leak(), 10);
  Opinion more = leak();
  more.sentence = "more";
  say(more, 1);
  EXPECT_EQ(published.told().sentence, "more");
  say(opinion(Verdict::steady), 1);
  EXPECT_EQ(published.told().sentence, "more");
}

TEST_F(Told, OpinionsThatAlternateChangeNothing) {
  say(opinion(Verdict::steady), 10);
  int changes = 0;
  for (int i = 0; i < 1440; ++i) {
    changes += say(leak(), 1) + say(opinion(Verdict::steady), 1);
  }
  EXPECT_EQ(changes, 0);
}

/// Whatever the rhythm, there are no more than some thirty changes a day.
TEST_F(Told, NoRhythmOfOpinionsMakesAFlood) {
  for (int ups = 1; ups <= 40; ups += 6) {
    for (int downs = 1; downs <= 40; downs += 6) {
      published = Published(window_lengths);
      at = 0;
      int changes = 0;
      while (at < a_day) {
        changes += say(leak(), ups) + say(opinion(Verdict::steady), downs);
      }
      EXPECT_LE(changes, 30) << ups << " minutes of leak, " << downs << " of none";
    }
  }
}

}  // namespace
}  // namespace heapwatch::check::memory
