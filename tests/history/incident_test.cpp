#include "history/incident.h"

#include <gmock/gmock.h>

#include <sstream>

#include "history/open_metrics.h"
#include "made_history.h"

namespace heapwatch::history {
namespace {

using ::testing::HasSubstr;
using tests::day;
using tests::hour;
using tests::minute;
using tests::second;
using tests::start;

class Incident : public tests::MadeHistory {
 protected:
  /// Two hours of two processes, one of which ends, with profiles and events.
  void measure() {
    for (int i = 0; i <= 720; ++i) {
      recorder().record({.life = life(),
                         .time = now_,
                         .values = {{"rss", 1'000'000 + i * 1000},
                                    {"row:native/glibc/live", 500'000 + i * 900},
                                    {i < 300 ? "row:files/old.so/mapped" : "threads", i}}});
      if (i <= 400) {
        recorder().record({.life = life("boot/8/1"), .time = now_, .values = {{"rss", 7}}});
      }
      recorder().flush();
      now_ += 10 * second;
    }
    now_ -= 10 * second;
    const LifeInfo first = life();
    const LifeInfo other = life("boot/8/1");
    recorder().profile(first, start + hour, "native", "verdict", "not a profile, but bytes");
    recorder().profile(other, start + minute, "go", "schedule", std::string(2000, '\0'));
    recorder().event(&first, start + hour, "verdict", "leak in native: \"f\"\n");
    recorder().event(nullptr, start + hour + second, "reload", "read anew");
    recorder().end(other, start + 4000 * second, "oom kill");
    recorder().flush();
  }

  std::string saved(Span span, std::vector<LifeId> lives = {}) {
    std::string bytes;
    Archive from = archive();
    const auto counts = export_incident(
        from, {.span = span, .lives = std::move(lives), .version = "1", .made = now_},
        [&bytes](std::string_view more) {
          bytes.append(more);
          return base::Result<void>{};
        });
    EXPECT_TRUE(counts) << counts.error().message;
    return bytes;
  }

  base::Result<IncidentCounts> taken(const std::string& bytes, const std::string& into) {
    auto store = Store::open(folder_ / into, {});
    EXPECT_TRUE(store) << store.error().message;
    std::istringstream in(bytes);
    return import_incident(in, *store);
  }
  [[nodiscard]] Archive archive_of(const std::string& name) const {
    auto opened = Archive::open(folder_ / name);
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }
};

/// All that is known of a life, by the names of series.
void expect_same(Archive& one, LifeId first, Archive& other, LifeId second_id, Span span) {
  for (const std::size_t frames : {10U, 200U, 5000U}) {
    const auto before = one.course(first, span, frames);
    const auto after = other.course(second_id, span, frames);
    ASSERT_TRUE(before && after);
    ASSERT_EQ(before->times, after->times);
    for (const auto& [name, column] : before->columns) {
      const auto found = after->columns.find(name);
      const bool is_there = std::any_of(column.last.begin(), column.last.end(),
                                        [](std::int64_t value) { return value != absent; });
      ASSERT_EQ(found != after->columns.end(), is_there) << name;
      if (is_there) {
        ASSERT_EQ(found->second.last, column.last) << name;
        ASSERT_EQ(found->second.least, column.least) << name;
        ASSERT_EQ(found->second.greatest, column.greatest) << name;
      }
    }
  }
}

TEST_F(Incident, IsTheSameOnAnotherMachine) {
  measure();
  const Span all{.from = start, .to = now_};
  const auto counts = taken(saved(all), "other.db");
  ASSERT_TRUE(counts) << counts.error().message;
  EXPECT_EQ(counts->lives, 2U);
  EXPECT_EQ(counts->profiles, 2U);
  EXPECT_EQ(counts->events, 3U);
  Archive here = archive();
  Archive there = archive_of("other.db");
  const auto lives = here.lives(all);
  const auto others = there.lives(all);
  ASSERT_EQ(others->size(), 2U);
  for (const Life& life : *lives) {
    const auto same = std::find_if(others->begin(), others->end(), [&life](const Life& other) {
      return other.info.identity == life.info.identity;
    });
    ASSERT_NE(same, others->end());
    EXPECT_EQ(same->info.service, life.info.service);
    EXPECT_EQ(same->info.name, life.info.name);
    EXPECT_EQ(same->info.pid, life.info.pid);
    EXPECT_EQ(same->first, life.first);
    EXPECT_EQ(same->last, life.last);
    EXPECT_EQ(same->ended, life.ended);
    EXPECT_EQ(same->how, life.how);
    expect_same(here, life.id, there, same->id, all);
    const auto profiles = here.profiles(life.id, all);
    const auto same_profiles = there.profiles(same->id, all);
    ASSERT_EQ(profiles->size(), same_profiles->size());
    for (std::size_t i = 0; i < profiles->size(); ++i) {
      EXPECT_EQ((*same_profiles)[i].kind, (*profiles)[i].kind);
      EXPECT_EQ((*same_profiles)[i].cause, (*profiles)[i].cause);
      EXPECT_EQ((*same_profiles)[i].time, (*profiles)[i].time);
      EXPECT_EQ(*there.profile((*same_profiles)[i].id), *here.profile((*profiles)[i].id));
    }
  }
  const auto events = here.events(std::nullopt, all);
  const auto same_events = there.events(std::nullopt, all);
  ASSERT_EQ(events->size(), same_events->size());
  for (std::size_t i = 0; i < events->size(); ++i) {
    EXPECT_EQ((*same_events)[i].text, (*events)[i].text);
    EXPECT_EQ((*same_events)[i].life.has_value(), (*events)[i].life.has_value());
  }
}

TEST_F(Incident, AddsNothingTheSecondTime) {
  measure();
  const std::string bytes = saved({.from = start, .to = now_});
  ASSERT_TRUE(taken(bytes, "other.db"));
  const auto again = taken(bytes, "other.db");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->profiles, 0U);
  EXPECT_EQ(again->events, 0U);
  Archive here = archive();
  Archive there = archive_of("other.db");
  expect_same(here, 1, there, there.life_of_process(7)->value().id, {.from = start, .to = now_});
}

TEST_F(Incident, HoldsTheTimeAndTheLivesThatWereAskedForAlone) {
  measure();
  const Span some{.from = start + hour, .to = start + hour + 10 * minute};
  Archive here = archive();
  const LifeId wanted = here.lives(some)->front().id;
  ASSERT_TRUE(taken(saved(some, {wanted}), "other.db"));
  Archive there = archive_of("other.db");
  const auto lives = there.lives({.from = 0, .to = now_ + day});
  ASSERT_EQ(lives->size(), 1U);
  EXPECT_GE(lives->front().first, some.from);
  EXPECT_LE(lives->front().last, some.to);
  EXPECT_FALSE(lives->front().ended);  // that came later
  const auto frames = there.frames(lives->front().id, Tier::measured, {.from = 0, .to = now_});
  EXPECT_EQ(frames->times.front(), some.from);
  EXPECT_EQ(frames->times.back(), some.to);
  // Names of series of other times and lives tell of them.
  std::istringstream in(saved(some, {wanted}));
  TarReader tar(in);
  ASSERT_TRUE(tar.next());
  EXPECT_THAT(*tar.read(incident_manifest_max), ::testing::Not(HasSubstr("old.so")));
}

TEST_F(Incident, OfATimeOfWhichNothingIsKnownIsAnError) {
  measure();
  Archive from = archive();
  const auto counts = export_incident(from, {.span = {.from = 1, .to = 2}, .version = "1"},
                                      [](std::string_view) { return base::Result<void>{}; });
  ASSERT_FALSE(counts);
  EXPECT_EQ(counts.error().message, "history knows nothing of that time");
}

TEST_F(Incident, HasTheNumbersAsOpenMetrics) {
  Life life{.id = 3,
            .info = {.identity = "i",
                     .kind = "process",
                     .service = "a\"b\\c\nd",
                     .name = "shop\xff",
                     .pid = 7,
                     .started = 0}};
  const Course course{
      .times = {1'790'000'000'005, 1'790'000'010'000},
      .columns = {
          {"rss", {.series = 1, .last = {5, absent}, .least = {}, .greatest = {}}},
          {"runs", {.series = 2, .last = {absent, 9}, .least = {}, .greatest = {}}},
          {"row:native/a/b.so/live", {.series = 3, .last = {1, -2}, .least = {}, .greatest = {}}}}};
  const std::string labels = R"(life="3",kind="process",service="a\"b\\c\nd",name="shop)"
                             "\xef\xbf\xbd"
                             R"(",pid="7")";
  EXPECT_EQ(open_metrics(life, course),
            "# TYPE heapwatch_history_row_bytes gauge\n# UNIT heapwatch_history_row_bytes bytes\n"
            "heapwatch_history_row_bytes{" +
                labels +
                ",space=\"native\",owner=\"a/b.so\",state=\"live\"} 1 1790000000.005\n"
                "heapwatch_history_row_bytes{" +
                labels +
                ",space=\"native\",owner=\"a/b.so\",state=\"live\"} -2 1790000010.000\n"
                "# TYPE heapwatch_history_rss_bytes gauge\n"
                "# UNIT heapwatch_history_rss_bytes bytes\n"
                "heapwatch_history_rss_bytes{" +
                labels +
                "} 5 1790000000.005\n"
                "# TYPE heapwatch_history_runs counter\n"
                "heapwatch_history_runs_total{" +
                labels + "} 9 1790000010.000\n# EOF\n");
}

/// An incident file with the manifest and files that a test gives.
std::string file_with(const std::string& manifest,
                      const std::vector<std::pair<std::string, std::string>>& files = {}) {
  std::string out;
  TarWriter tar([&out](std::string_view bytes) {
    out.append(bytes);
    return base::Result<void>{};
  });
  EXPECT_TRUE(tar.add("heapwatch.json", manifest, 0));
  for (const auto& [name, bytes] : files) {
    EXPECT_TRUE(tar.add(name, bytes, 0));
  }
  EXPECT_TRUE(tar.finish());
  return out;
}

std::string manifest_with(const std::string& lives, const std::string& more = "") {
  return R"({"schema":"heapwatch.incident/1","lives":[)" + lives + R"(],"series":["rss"])" + more +
         "}";
}

const std::string one_life =
    R"({"number":1,"identity":"x","kind":"process","service":"","name":"n","pid":1,"started":0,)"
    R"("first":1,"last":5,"ended":null,"how":""})";

TEST_F(Incident, OfAStrangerIsTakenWholeOrNotAtAll) {
  const auto refused = [this](const std::string& bytes, const std::string& sentence) {
    const auto counts = taken(bytes, "other.db");
    ASSERT_FALSE(counts) << sentence;
    EXPECT_THAT(counts.error().message, HasSubstr(sentence));
    Archive there = archive_of("other.db");
    EXPECT_EQ(there.lives({.from = 0, .to = day})->size(), 0U) << sentence;
    EXPECT_EQ(there.events(std::nullopt, {.from = 0, .to = day})->size(), 0U) << sentence;
  };
  refused("not a tar", "it is no tar archive");
  refused(file_with("{}"), "it is not what \"heapwatch history export\" writes");
  refused(file_with("[" + std::string(100'000, '[')), "it is no JSON");
  refused(file_with(manifest_with(R"({"number":1})")), "a life: identity must be a text");
  refused(file_with(manifest_with(R"({"number":-1})")), "number must be a whole number");
  refused(file_with(R"({"schema":"heapwatch.incident/1","series":[""]})"),
          "the name of a series must be");
  refused(file_with(R"({"schema":"heapwatch.incident/1"})"), "series must be a list");
  const Frames frames{.times = {2}, .columns = {{.series = 1, .last = {3}}}};
  refused(file_with(manifest_with(one_life), {{"frames/1-measured-0", encode(frames)}}),
          "there is no series 1");
  refused(file_with(manifest_with(one_life), {{"frames/2-measured-0", encode(frames)}}),
          "there is no life of that number");
  refused(file_with(manifest_with(one_life), {{"frames/1-measured-0", "\x01\x01\xff\xff\xff"}}),
          "a block of history is damaged");
  const Frames early{.times = {-5}, .columns = {}};
  refused(file_with(manifest_with(one_life), {{"frames/1-measured-0", encode(early)}}),
          "a frame of the time -5");
  refused(file_with(
              manifest_with(one_life, R"(,"events":[{"life":9,"time":1,"kind":"k","text":"t"}])")),
          "an event is of life 9");
  refused(file_with(manifest_with(
                        one_life,
                        R"(,"profiles":[{"file":"p","life":9,"time":1,"kind":"k","cause":"c"}])"),
                    {{"p", "x"}}),
          "there is no life 9");
  // And the same with all in order.
  EXPECT_TRUE(taken(file_with(manifest_with(one_life), {{"later/unknown", "x"}}), "other.db"));
}

TEST_F(Incident, CutShortAtAnyPlaceChangesNothing) {
  measure();
  const std::string bytes = saved({.from = start + hour, .to = start + hour + 2 * minute});
  for (std::size_t at = 0; at + 1024 < bytes.size(); at += 997) {
    ASSERT_FALSE(taken(bytes.substr(0, at), "other.db")) << at;
  }
  Archive there = archive_of("other.db");
  EXPECT_EQ(there.lives({.from = 0, .to = now_})->size(), 0U);
}

}  // namespace
}  // namespace heapwatch::history
