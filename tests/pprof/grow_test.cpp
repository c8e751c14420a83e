// Growth over a series of profiles.
#include "pprof/grow.h"

#include <gmock/gmock.h>

#include <map>
#include <string>

#include "pprof/session.h"

namespace heapwatch::pprof {
namespace {

constexpr std::int64_t minute_ns = 60'000'000'000;

/// A heap profile taken at a minute, with one sample for each function.
Snapshot snapshot(std::int64_t minute, const std::map<std::string, std::int64_t>& space,
                  const char* type = "inuse_space") {
  Profile profile;
  profile.sample_types = {{profile.strings.add(type), profile.strings.add("bytes")}};
  profile.samples.set_type_count(1);
  profile.time_nanos = (1000 + minute) * minute_ns;
  for (const auto& [name, bytes] : space) {
    const auto at = static_cast<std::uint32_t>(profile.locations.size());
    profile.functions.push_back({.id = at + 1U, .name = profile.strings.add(name)});
    profile.lines.push_back({.function = at});
    profile.locations.push_back({.id = at + 1U, .first_line = at, .line_count = 1});
    const std::uint32_t frames[] = {at};
    const std::int64_t values[] = {bytes};
    // The size of the objects does not tell stacks apart.
    const Label labels[] = {{profile.strings.add("bytes"), true, 0, bytes}};
    profile.samples.append(frames, values, labels);
  }
  return {"file" + std::to_string(minute), std::move(profile)};
}

Growth measure(std::vector<Snapshot> snapshots, std::string* warnings = nullptr) {
  auto growth = measure_growth(std::move(snapshots), {}, [&](const std::string& text) {
    if (warnings != nullptr) {
      *warnings += text + "\n";
    }
  });
  EXPECT_TRUE(growth.has_value()) << growth.error().message;
  return std::move(*growth);
}

std::vector<Snapshot> leaking_series() {
  std::vector<Snapshot> series;
  for (std::int64_t minute = 0; minute < 5; ++minute) {
    std::map<std::string, std::int64_t> space = {{"leak", 1024 + minute * 1024},
                                                 {"steady", 4096},
                                                 {"shrinks", 9000 - minute * 1000},
                                                 {"wavers", minute % 2 == 0 ? 100000 : 200000}};
    if (minute > 2) {
      space["new"] = 512;
    }
    if (minute < 2) {
      space["old"] = 2048;
    }
    series.push_back(snapshot(minute, space));
  }
  return series;
}

TEST(Grow, RanksWhatGrowsSteadilyAboveWhatWavers) {
  const Growth growth = measure(leaking_series());
  EXPECT_EQ(growth_text(growth, {.nodecount = 2}),
            "Type: inuse_space\n"
            "Snapshots: 5 from 1970-01-01 16:40:00 UTC to 1970-01-01 16:44:00 UTC (240s)\n"
            "Total: 113.45kB to 112.04kB (-1.41kB)\n"
            "Showing the 2 most suspect of 6 stacks: 0 grew, 1 rose, 1 shrank, 1 appeared, 1 "
            "vanished, 2 steady\n"
            "Rose: more than at first, and not shown to grow on, which takes 6 snapshots that rise "
            "to the end\n"
            "-----------+-------------------------------------------------------\n"
            "      +4kB   rose +1kB/min, 100% rising: 1kB 2kB 3kB 4kB 5kB\n"
            "             leak\n"
            "-----------+-------------------------------------------------------\n"
            "     +512B   appeared +149B/min, 60% rising: 0 0 0 512B 512B\n"
            "             new\n"
            "-----------+-------------------------------------------------------\n");
}

TEST(Grow, TellsATrendOfEachStack) {
  const Growth growth = measure(leaking_series());
  const Profile& profile = growth.profile;
  std::map<std::string, std::string_view> trends;
  for (const StackGrowth& stack : growth.stacks) {
    const std::uint32_t frame = profile.samples.frames(stack.sample)[0];
    const Line& line = profile.lines_of(profile.locations[frame])[0];
    trends[std::string(profile.text(profile.functions[line.function].name))] =
        trend_name(stack.trend);
  }
  EXPECT_THAT(trends, testing::ElementsAre(
                          testing::Pair("leak", "rose"), testing::Pair("new", "appeared"),
                          testing::Pair("old", "vanished"), testing::Pair("shrinks", "shrank"),
                          testing::Pair("steady", "steady"), testing::Pair("wavers", "steady")));
}

TEST(Grow, AsJsonHasEveryValue) {
  const Growth growth =
      measure({snapshot(0, {{"a", 10}}), snapshot(1, {{"a", 40}}), snapshot(2, {{"a", 70}})});
  EXPECT_EQ(growth_json(growth, {}),
            R"({"type":"inuse_space","unit":"bytes","snapshots":[)"
            R"({"source":"file0","time_nanos":60000000000000,"total":10},)"
            R"({"source":"file1","time_nanos":60060000000000,"total":40},)"
            R"({"source":"file2","time_nanos":60120000000000,"total":70}],"stacks":[)"
            R"({"trend":"rose","growth":60,"slope_per_second":0.5,"monotonicity":1,"score":60,)"
            R"("values":[10,40,70],"stack":["a"]}]})"
            "\n");
}

TEST(Grow, PutsSnapshotsIntoTheOrderOfTheirTimes) {
  std::string warnings;
  const Growth growth = measure(
      {snapshot(2, {{"a", 70}}), snapshot(0, {{"a", 10}}), snapshot(1, {{"a", 40}})}, &warnings);
  EXPECT_THAT(growth.stacks[0].values, testing::ElementsAre(10, 40, 70));
  EXPECT_EQ(warnings,
            "Snapshots are compared in the order of their times, not in that of the command "
            "line\n");
}

TEST(Grow, GivesAProfileOfTheGrowthForOtherReports) {
  Growth growth = measure(leaking_series());
  ReportRequest request;
  request.options.trim = false;
  request.options.compact_labels = true;
  const auto top =
      Session(std::move(growth.profile)).report(request, {.warn = [](const std::string&) {}});
  ASSERT_TRUE(top.has_value());
  EXPECT_EQ(*top,
            "Showing nodes accounting for -1440B, 13.51% of 10656B total\n"
            "      flat  flat%   sum%        cum   cum%\n"
            "     4096B 38.44% 38.44%      4096B 38.44%  leak\n"
            "    -4000B 37.54%   0.9%     -4000B 37.54%  shrinks\n"
            "    -2048B 19.22% 18.32%     -2048B 19.22%  old\n"
            "      512B  4.80% 13.51%       512B  4.80%  new\n");
}

TEST(Grow, MeetsTheMeaningOfTypesAndRefusesWhatDiffers) {
  const Growth growth = measure({snapshot(0, {{"a", 1}}), snapshot(1, {{"a", 5}}, "space")});
  EXPECT_EQ(growth.type, "inuse_space");
  const auto refused = measure_growth({snapshot(0, {{"a", 1}}), snapshot(1, {{"a", 1}}, "cpu")}, {},
                                      [](const std::string&) {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message,
            "profiles have empty common sample type list: [inuse_space] and [cpu] measure "
            "different things");
}

TEST(Grow, NeedsTwoSnapshots) {
  const auto refused = measure_growth({snapshot(0, {})}, {}, [](const std::string&) {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message, "growth is seen between two profiles or more, not in 1");
}

/// A heap profile as Go makes it: what each function has allocated, and what of it is in use.
Snapshot go_snapshot(std::int64_t minute,
                     const std::map<std::string, std::pair<std::int64_t, std::int64_t>>& space,
                     const char* collections = nullptr) {
  Profile profile;
  const StringId bytes = profile.strings.add("bytes");
  profile.sample_types = {{profile.strings.add("alloc_space"), bytes},
                          {profile.strings.add("inuse_space"), bytes}};
  profile.samples.set_type_count(2);
  profile.period_type = {profile.strings.add("space"), bytes};
  profile.period = 512 * 1024;
  profile.time_nanos = (1000 + minute) * minute_ns;
  if (collections != nullptr) {
    profile.comments = {profile.strings.add(collections)};
  }
  for (const auto& [name, values] : space) {
    const auto at = static_cast<std::uint32_t>(profile.locations.size());
    profile.functions.push_back(
        {.id = at + 1U, .name = profile.strings.add(name), .file = profile.strings.add("main.go")});
    profile.lines.push_back({.function = at});
    profile.locations.push_back(
        {.id = at + 1U, .address = 4096U + at, .first_line = at, .line_count = 1});
    const std::uint32_t frames[] = {at};
    const std::int64_t both[] = {values.first, values.second};
    profile.samples.append(frames, both, {});
  }
  return {"http://host/heap", std::move(profile)};
}

constexpr std::int64_t mb = 1024 * 1024;

TEST(Grow, SaysGrewOnlyOfWhatRisesToTheEndAboveTheNoiseOfSampling) {
  std::vector<Snapshot> series;
  for (std::int64_t minute = 0; minute < 8; ++minute) {
    const std::int64_t wavering[] = {8 * mb, 12 * mb, 5 * mb, 12 * mb,
                                     9 * mb, 12 * mb, 6 * mb, 11 * mb};
    const std::int64_t at = mb * minute;
    const std::int64_t filled = std::min(at, 3 * mb);
    series.push_back(
        go_snapshot(minute, {{"runtime.main", {100 * mb + at, mb}},
                             {"fills", {20 * mb + at, 20 * mb + filled}},
                             {"falls", {50 * mb + at, 20 * mb - 2 * at}},
                             {"leaks", {10 * mb + at, 10 * mb + at}},
                             {"leaks_slowly", {10 * mb + at, 5 * mb + at / 5}},
                             {"rounded", {10 * mb + at, 5 * mb + (minute == 7 ? 675 : 0)}},
                             {"wavers", {90 * mb + at, wavering[minute]}}}));
  }
  const Growth growth = measure(std::move(series));
  EXPECT_EQ(growth_text(growth, {}),
            "Type: inuse_space\n"
            "Snapshots: 8 from 1970-01-01 16:40:00 UTC to 1970-01-01 16:47:00 UTC (420s)\n"
            "Total: 69MB to 69.40MB (+410.26kB)\n"
            "Showing the 3 most suspect of 7 stacks: 2 grew, 1 rose, 1 shrank, 0 appeared, 0 "
            "vanished, 3 steady\n"
            "Rose: more than at first, and not shown to grow on, which takes 6 snapshots that rise "
            "to the end\n"
            "-----------+-------------------------------------------------------\n"
            "      +7MB   grew +1MB/min, 100% rising: 10MB 11MB 12MB 13MB 14MB 15MB 16MB 17MB\n"
            "             leaks\n"
            "-----------+-------------------------------------------------------\n"
            "   +1.40MB   grew +204.80kB/min, 100% rising: 5MB 5.20MB 5.40MB 5.60MB 5.80MB 6MB "
            "6.20MB 6.40MB\n"
            "             leaks_slowly\n"
            "-----------+-------------------------------------------------------\n"
            "      +3MB   rose +375.47kB/min, 64% rising: 20MB 21MB 22MB 23MB 23MB 23MB 23MB 23MB\n"
            "             fills\n"
            "-----------+-------------------------------------------------------\n");
}

TEST(Grow, TellsOfSnapshotsBetweenWhichNothingWasCollected) {
  const auto at = [](std::int64_t minute, std::int64_t held) {
    return go_snapshot(minute, {{"runtime.main", {10 * mb, mb}}, {"main.keep", {held, held}}});
  };
  const Growth growth = measure({at(0, mb), at(1, mb), at(2, mb), at(3, 9 * mb)});
  EXPECT_EQ(repeats_sentence(growth, false),
            "2 of 4 snapshots as the one before: Go's heap profile shows what the last garbage "
            "collection left, and none ended between them, so growth may be there and not be seen. "
            "-gc has the program collect before each; a longer -every waits for it");
  EXPECT_EQ(repeats_sentence(growth, true),
            "2 of 4 snapshots as the one before, though garbage was collected: no change was "
            "sampled");
  EXPECT_THAT(growth_text(growth, {}),
              testing::HasSubstr("\nUnchanged since the snapshot before: 2 of 4\n"));
  EXPECT_THAT(growth_json(growth, {}),
              testing::HasSubstr(R"("total":2097152,"is_repeated":true})"));
  const Growth still = measure({at(0, mb), at(1, mb)});
  EXPECT_THAT(growth_text(still, {}),
              testing::HasSubstr("\nNone is suspect of 2 stacks: 0 grew, 0 rose"));
  // By the number of collections, where it is told.
  const Growth counted = measure({go_snapshot(0, {{"runtime.main", {mb, mb}}}, "# NumGC = 7"),
                                  go_snapshot(1, {{"runtime.main", {mb, mb}}}, "# NumGC = 8")});
  EXPECT_EQ(repeats_sentence(counted, false), "");
  // Other profiles may well stay as they are.
  EXPECT_EQ(repeats_sentence(measure({snapshot(0, {{"a", 1}}), snapshot(1, {{"a", 1}})}), false),
            "");
}

TEST(Grow, NoticesAProgramThatWasStartedAnew) {
  const auto at = [](std::int64_t minute, std::int64_t allocated) {
    return go_snapshot(minute, {{"runtime.main", {allocated, allocated}}});
  };
  std::string warnings;
  const Growth growth =
      measure({at(0, 90 * mb), at(1, 99 * mb), at(2, 5 * mb), at(3, 10 * mb)}, &warnings);
  EXPECT_EQ(warnings,
            "The program was started anew before snapshot 3 of 4; growth is measured from there "
            "on\n");
  EXPECT_EQ(growth.snapshots.size(), 2U);
  EXPECT_EQ(growth.stacks[0].growth(), 5 * mb);
  warnings.clear();
  EXPECT_EQ(measure({at(0, 90 * mb), at(1, mb)}, &warnings).snapshots.size(), 2U);
  EXPECT_EQ(warnings,
            "The program was started anew before snapshot 2 of 2: what it held before is gone, and "
            "the difference is not growth of one program\n");
}

TEST(Grow, HasASlopeThatIsNotMovedByAnOutlier) {
  // Sixty bytes by the minute of their snapshot: a slope a second.
  const auto slope = [](const std::map<std::int64_t, std::int64_t>& series) {
    std::vector<Snapshot> snapshots;
    for (const auto& [minute, bytes] : series) {
      snapshots.push_back(snapshot(minute, {{"a", 60 * bytes}}));
    }
    return measure(std::move(snapshots)).stacks.at(0).slope;
  };
  EXPECT_EQ(slope({{0, 0}, {1, 2}, {2, 4}, {3, 1000}, {4, 8}, {5, 10}, {6, 12}}), 2);
  EXPECT_DOUBLE_EQ(slope({{0, 0}, {1, 1}, {3, 5}}), 5.0 / 3);
}

}  // namespace
}  // namespace heapwatch::pprof
