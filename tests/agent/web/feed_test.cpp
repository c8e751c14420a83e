#include "agent/web/feed.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "../../history/made_history.h"
#include "agent/web/verdict_codes.h"

namespace heapwatch::agent::web {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using tests::second;
using tests::start;

class FeedOfHistory : public tests::MadeHistory {
 protected:
  void see(std::uint64_t looks, std::uint64_t ticks = 100) {
    sightings_.tell(
        this,
        {{.pid = pid_,
          .start_ticks = ticks,
          .name = "shopd",
          .service = "systemd_unit:shop.service",
          .rss = 5000,
          .rows = {{"native", "glibc", "live", 3000}, {"unexplained", "unknown", "mapped", 1000}},
          .looks = looks}});
    feed_.take();
    recorder().flush();
    now_ += 10 * second;
  }
  [[nodiscard]] std::vector<history::Life> lives() const { return *archive().lives({0, now_}); }

  int pid_ = 2'000'000'000;  // nobody's
  check::memory::Sightings sightings_;
  std::vector<check::memory::ProcessVerdict> verdicts_;
  Feed feed_{{.recorder = recorder(),
              .sightings = sightings_,
              .verdicts = [this] { return verdicts_; },
              .clock = [this] { return now_; },
              .boot = {.id = "boot", .began = start - 1000}}};
};

TEST_F(FeedOfHistory, HasRowsOnlyWhereThereWasALook) {
  see(1);
  see(1);
  see(2);
  const auto course = archive().course(1, {start, now_}, 100);
  ASSERT_TRUE(course);
  EXPECT_THAT(course->columns.at("rss").last, ElementsAre(5000, 5000, 5000));
  EXPECT_THAT(course->columns.at("row:native/glibc/live").last,
              ElementsAre(3000, history::absent, 3000));
  EXPECT_THAT(course->columns.at("rows_rss").last, ElementsAre(4000, history::absent, 4000));
}

TEST_F(FeedOfHistory, EndsTheLifeOfAProcessThatIsGone) {
  see(1);
  sightings_.withdraw(this);
  feed_.take();
  recorder().flush();
  ASSERT_THAT(lives(), SizeIs(1));
  EXPECT_TRUE(lives()[0].ended);
  EXPECT_EQ(lives()[0].info.started, start);
}

TEST_F(FeedOfHistory, BeginsANewLifeForAnotherProcessWithThePid) {
  see(1);
  see(1, 200);
  ASSERT_THAT(lives(), SizeIs(2));
  EXPECT_TRUE(lives()[1].ended);
  EXPECT_FALSE(lives()[0].ended);
}

TEST_F(FeedOfHistory, TellsAVerdictOnceAndAgainWhenItChanges) {
  verdicts_ = {{.pid = pid_, .verdict = leak::Verdict::steady, .sentence = "steady"}};
  see(1);
  see(2);
  verdicts_[0] = {.pid = pid_, .verdict = leak::Verdict::leak, .sentence = "leak in native"};
  see(3);
  const auto events = archive().events(1, {start, now_});
  ASSERT_TRUE(events);
  ASSERT_THAT(*events, SizeIs(2));
  EXPECT_EQ((*events)[0].text, "steady");
  EXPECT_EQ((*events)[1].text, "leak in native");
  // And which one it was at each moment, for who reads the file elsewhere.
  const auto course = archive().course(1, {start, now_}, 100);
  std::vector<std::string_view> words;
  for (const std::int64_t code : course->columns.at("verdict").last) {
    words.push_back(word_of(verdict_codes, code));
  }
  EXPECT_THAT(words, ElementsAre("steady", "steady", "leak"));
}

TEST(WordsOfVerdicts, HaveANumberEach) {
  for (const auto verdict :
       {leak::Verdict::leak, leak::Verdict::cannot_tell, leak::Verdict::load,
        leak::Verdict::filling, leak::Verdict::retention, leak::Verdict::steady}) {
    const auto code = code_of(verdict_codes, leak::name_of(verdict));
    ASSERT_TRUE(code) << leak::name_of(verdict);
    EXPECT_EQ(word_of(verdict_codes, code), leak::name_of(verdict));
  }
  for (const auto confidence :
       {leak::Confidence::low, leak::Confidence::medium, leak::Confidence::high}) {
    EXPECT_TRUE(code_of(confidence_codes, leak::name_of(confidence)));
  }
  EXPECT_EQ(word_of(verdict_codes, std::nullopt), "");
  EXPECT_EQ(word_of(verdict_codes, 6), "");
  EXPECT_EQ(word_of(verdict_codes, -1), "");
}

TEST_F(FeedOfHistory, KeepsProfilesOfProcessesThatItKnows) {
  sightings_.want_profiles(true);
  see(1);
  sightings_.add(
      {.pid = pid_, .start_ticks = 100, .kind = "native", .cause = "schedule", .bytes = "x"});
  sightings_.add(
      {.pid = pid_, .start_ticks = 99, .kind = "native", .cause = "schedule", .bytes = "x"});
  see(1);
  EXPECT_THAT(*archive().profiles(1, {0, now_}), SizeIs(1));
}

TEST(BootOfThisMachine, IsKnown) {
  const Boot boot = this_boot();
  EXPECT_THAT(boot.id, SizeIs(36));
  EXPECT_GT(boot.began, 1'600'000'000'000);
}

}  // namespace
}  // namespace heapwatch::agent::web
