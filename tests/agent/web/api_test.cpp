#include "agent/web/api.h"

#include <gmock/gmock.h>
#include <rapidjson/document.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../history/made_history.h"
#include "agent/web/api_json.h"
#include "answer_schema.h"
#include "history/series_names.h"
#include "pprof/encode.h"
#include "pprof/gunzip.h"
#include "pprof/profile.h"

namespace heapwatch::agent::web {
namespace {

using ::testing::HasSubstr;
using tests::hour;
using tests::minute;
using tests::second;
using tests::start;

class ApiOfHistory : public tests::MadeHistory {
 protected:
  /// Half an hour of a process whose native memory grows, with a look each minute.
  void measure() {
    for (int i = 0; i <= 180; ++i) {
      history::Reading reading{.life = life(), .time = now_, .values = {}};
      reading.values.emplace_back("rss", 1'000'000 + i * 1000);
      if (i % 6 == 0) {
        reading.values.emplace_back("row:native/glibc/live", 600'000 + i * 1200);
        reading.values.emplace_back("row:files/a/b.so/mapped", 400'000 - i * 200);
        reading.values.emplace_back("rows_rss", 1'000'000 + i * 1000);
      }
      recorder().record(std::move(reading));
      recorder().flush();
      now_ += 10 * second;
    }
    now_ -= 10 * second;
  }

  net::ServerReply reply(const std::string& path, const std::string& query = {}) {
    const net::Routes routes(api_.routes());
    return routes.answer(
        {.method = "GET", .path = path, .query = query, .headers = {}, .body = {}});
  }
  rapidjson::Document json(const std::string& path, const std::string& query = {}) {
    const net::ServerReply answer = reply(path, query);
    EXPECT_EQ(answer.status, 200) << answer.body;
    rapidjson::Document document;
    document.Parse(answer.body.c_str());
    EXPECT_FALSE(document.HasParseError()) << answer.body;
    EXPECT_EQ(tests::against_schema(document), "");
    return document;
  }

  std::vector<Verdict> verdicts_;
  std::string trouble_;
  Api api_{{.history = path(),
            .verdicts = [this] { return verdicts_; },
            .check_verdicts = [] { return std::vector<CheckVerdict>{}; },
            .clock = [this] { return now_; },
            .trouble = [this] { return trouble_; }}};
};

TEST_F(ApiOfHistory, ListsProcessesWithTheirGrowthAndVerdict) {
  measure();
  verdicts_ = {{.pid = 7,
                .verdict = "leak",
                .confidence = "high",
                .sentence = "leak in native: f",
                .next = {"heapwatch leak 7"}}};
  const auto answer = json("/api/v1/processes");
  ASSERT_EQ(answer["processes"].Size(), 1U);
  const auto& process = answer["processes"][0];
  EXPECT_STREQ(process["name"].GetString(), "shopd");
  EXPECT_EQ(process["pid"].GetInt(), 7);
  EXPECT_EQ(process["rss_bytes"].GetInt64(), 1'180'000);
  EXPECT_NEAR(static_cast<double>(process["growth_bytes_per_hour"].GetInt64()), 360'000, 20'000);
  EXPECT_STREQ(process["verdict"]["sentence"].GetString(), "leak in native: f");
  EXPECT_EQ(process["times"].Size(), process["rss"].Size());
}

TEST_F(ApiOfHistory, TellsTheMemoryOfAProcessInColumnsAsLongAsItsTimes) {
  measure();
  const auto answer = json("/api/v1/memory/7", "points=5000");
  const auto frames = answer["times"].Size();
  EXPECT_EQ(frames, 181U);
  ASSERT_EQ(answer["rows"].Size(), 2U);
  EXPECT_STREQ(answer["rows"][0]["owner"].GetString(), "a/b.so");
  for (const auto& row : answer["rows"].GetArray()) {
    EXPECT_EQ(row["bytes"].Size(), frames);
    EXPECT_TRUE(row["bytes"][1].IsNull());
  }
  for (const auto& series : answer["series"].GetArray()) {
    EXPECT_EQ(series["last"].Size(), frames);
    EXPECT_EQ(series["greatest"].Size(), frames);
  }
}

TEST_F(ApiOfHistory, TellsOnlyWhatIsNewToWhoAsksAgain) {
  measure();
  const std::int64_t next = json("/api/v1/memory/7", "points=5000")["next"].GetInt64();
  EXPECT_EQ(json("/api/v1/memory/7", "points=5000&since=" + std::to_string(next))["times"].Size(),
            0U);
  now_ += 10 * second;
  record({{"rss", 5}});
  const auto more = json("/api/v1/memory/7", "points=5000&since=" + std::to_string(next));
  ASSERT_EQ(more["times"].Size(), 1U);
  EXPECT_EQ(more["next"].GetInt64(), now_);
}

TEST_F(ApiOfHistory, HasRowsThatAddUpToTheGrowthOfRss) {
  measure();
  const auto answer =
      json("/api/v1/growth/7", "from=" + std::to_string(start + 3 * minute) +
                                   "&to=" + std::to_string(start + 20 * minute + 5));
  EXPECT_EQ(answer["from"].GetInt64(), start + 3 * minute);
  EXPECT_EQ(answer["to"].GetInt64(), start + 20 * minute);
  std::int64_t sum = 0;
  for (const auto& row : answer["rows"].GetArray()) {
    EXPECT_EQ(row["after"].GetInt64() - row["before"].GetInt64(), row["delta"].GetInt64());
    sum += row["delta"].GetInt64();
  }
  EXPECT_EQ(sum, answer["rss_delta"].GetInt64());
  EXPECT_EQ(sum, 17 * 6 * 1000);
  EXPECT_STREQ(answer["rows"][0]["space"].GetString(), "native");
}

/// A profile in the older text format, which the reader takes as well.
std::string profile_of(int bytes) {
  return pprof::gzip("heap profile: 1: " + std::to_string(bytes) + " [1: " + std::to_string(bytes) +
                     "] @ heap/1\n1: " + std::to_string(bytes) + " [1: " + std::to_string(bytes) +
                     "] @ 0x1234 0x5678\n");
}

TEST_F(ApiOfHistory, ComparesTheProfilesNearestToTwoMoments) {
  measure();
  recorder().profile(life(), start, "native", "schedule", profile_of(1000));
  recorder().profile(life(), start + 10 * minute, "native", "schedule", profile_of(4000));
  recorder().profile(life(), start + 30 * minute, "native", "schedule", profile_of(9000));
  recorder().flush();
  const auto between = json("/api/v1/growth/7", "from=" + std::to_string(start + minute) +
                                                    "&to=" + std::to_string(start + 12 * minute));
  ASSERT_EQ(between["profiles"].Size(), 1U);
  EXPECT_EQ(between["profiles"][0]["bytes"].GetInt64(), 3000);
  EXPECT_EQ(between["profiles"][0]["from"].GetInt64(), start);
  verdicts_ = {{.pid = 7,
                .verdict = "leak",
                .confidence = "high",
                .sentence = "leak in native: f",
                .next = {"heapwatch leak 7"}}};
  const auto suspects = json("/api/v1/suspects/7");
  EXPECT_EQ(suspects["profiles"][0]["bytes"].GetInt64(), 9000);
  EXPECT_EQ(suspects["profiles"][0]["sites"].Size(), 1U);
  const net::ServerReply file =
      reply("/api/v1/profile/7", "kind=native&at=" + std::to_string(start + 11 * minute));
  EXPECT_EQ(file.body, profile_of(4000));
  EXPECT_THAT(reply("/api/v1/profile/7", "format=html").body, HasSubstr("<!DOCTYPE html>"));
  EXPECT_THAT(reply("/api/v1/profile/7", "format=flame&base=0").body, HasSubstr("\"boxes\""));
}

/// Of native memory, as the check memory keeps it: each block with its age and its site's survival.
struct Held {
  const char* function;
  std::int64_t bytes;
  std::int64_t age;
  std::int64_t survival;
};
std::string native_profile_of(const std::vector<Held>& all) {
  pprof::Profile profile;
  const auto text = [&](std::string_view value) { return profile.strings.add(value); };
  profile.sample_types = {{text("inuse_objects"), text("count")},
                          {text("inuse_space"), text("bytes")}};
  profile.samples.set_type_count(2);
  std::map<std::string, std::uint32_t> locations;
  for (const Held& held : all) {
    const auto [known, is_new] =
        locations.try_emplace(held.function, static_cast<std::uint32_t>(profile.locations.size()));
    if (is_new) {
      const std::uint32_t place = known->second;
      profile.functions.push_back({.id = place + 1U,
                                   .name = text(held.function),
                                   .system_name = text(held.function),
                                   .file = text("shop.c")});
      profile.lines.push_back({.function = place, .line = 7});
      pprof::Location& location = profile.locations.emplace_back();
      location.id = place + 1U;
      location.address = 0x1000U + place;
      location.first_line = place;
      location.line_count = 1;
    }
    profile.samples.add_frame(known->second);
    profile.samples.add_value(1);
    profile.samples.add_value(held.bytes);
    profile.samples.add_label({.key = text("space"), .text = text("native")});
    const auto number = [&](const char* key, const char* unit, std::int64_t value) {
      if (value >= 0) {
        profile.samples.add_label(
            {.key = text(key), .is_number = true, .text = text(unit), .number = value});
      }
    };
    number("age", "seconds", held.age);
    number("survival", "percent", held.survival);
    profile.samples.finish_sample();
  }
  return pprof::gzip(pprof::encode_proto(profile));
}

TEST_F(ApiOfHistory, TellsHowOldWhatASuspectHoldsIsAndHowMuchSurvives) {
  measure();
  recorder().profile(life(), start + minute, "native", "schedule",
                     native_profile_of({{"keep", 600, 0, 100},
                                        {"keep", 300, 600, 100},
                                        {"keep", 100, 60, 80},
                                        {"cache", 500, 1, 20},
                                        {"unknown", 50, -1, -1}}));
  recorder().flush();
  const auto answer = json("/api/v1/suspects/7");
  const auto& sites = answer["profiles"][0]["sites"];
  ASSERT_EQ(sites.Size(), 3U);
  EXPECT_STREQ(sites[0]["stack"][0]["function"].GetString(), "keep");
  ASSERT_EQ(sites[0]["ages"].Size(), 3U);
  const auto age = [&](unsigned i) {
    return std::pair(sites[0]["ages"][i]["seconds"].GetInt64(),
                     sites[0]["ages"][i]["bytes"].GetInt64());
  };
  EXPECT_EQ(age(0), std::pair(std::int64_t{0}, std::int64_t{600}));
  EXPECT_EQ(age(1), std::pair(std::int64_t{60}, std::int64_t{100}));
  EXPECT_EQ(age(2), std::pair(std::int64_t{600}, std::int64_t{300}));
  EXPECT_DOUBLE_EQ(sites[0]["survival"].GetDouble(), 0.98);
  EXPECT_DOUBLE_EQ(sites[1]["survival"].GetDouble(), 0.2);
  EXPECT_TRUE(sites[2]["survival"].IsNull());
  EXPECT_EQ(sites[2]["ages"].Size(), 0U);
  // Of one profile there is no growth.
  EXPECT_TRUE(sites[0]["growth_bytes_per_hour"].IsNull());
  EXPECT_EQ(sites[0]["course"].Size(), 1U);
}

TEST_F(ApiOfHistory, TellsWhatASuspectHeldInTheProfilesBefore) {
  measure();
  constexpr int count = 30;
  for (int i = 0; i < count; ++i) {
    std::vector<Held> held{{"keep", 1000 + i * 100, 0, 100}};
    if (i == count - 1) {
      held.push_back({"fresh", 500, 0, 100});
    }
    recorder().profile(life(), start + i * minute, "native", "schedule", native_profile_of(held));
  }
  recorder().flush();
  const auto answer = json("/api/v1/suspects/7");
  const auto& profile = answer["profiles"][0];
  // In equal steps, with the first and the newest.
  ASSERT_EQ(profile["times"].Size(), 12U);
  EXPECT_EQ(profile["times"][0].GetInt64(), start);
  EXPECT_EQ(profile["times"][11].GetInt64(), start + (count - 1) * minute);
  const auto& keep = profile["sites"][0];
  ASSERT_EQ(keep["course"].Size(), 12U);
  for (unsigned i = 0; i < 12; ++i) {
    EXPECT_EQ(keep["course"][i].GetInt64(),
              1000 + (profile["times"][i].GetInt64() - start) / minute * 100);
  }
  EXPECT_EQ(keep["growth_bytes_per_hour"].GetInt64(), 6000);
  const auto& fresh = profile["sites"][1];
  EXPECT_EQ(fresh["course"][10].GetInt64(), 0);
  EXPECT_EQ(fresh["course"][11].GetInt64(), 500);
}

TEST_F(ApiOfHistory, SaysWhatIsWrongWithARequest) {
  measure();
  const auto refused = [this](const std::string& path, const std::string& query, int status,
                              const std::string& sentence) {
    const net::ServerReply answer = reply(path, query);
    EXPECT_EQ(answer.status, status) << path;
    EXPECT_EQ(answer.body, sentence + "\n");
  };
  refused("/api/v1/memory/8", "", 404,
          "history knows no process 8; the check memory must watch it");
  refused("/api/v1/memory/7", "life=99", 404, "history has no life 99");
  refused("/api/v1/memory/x%", "", 400,
          "/api/v1/memory/ takes the pid of a process behind it, not \"x%\"");
  refused("/api/v1/memory/7", "points=1", 400,
          "points must be a whole number from 2 to 5000, not \"1\"");
  refused("/api/v1/memory/7", "from=5&to=3", 400, "from must not be after to");
  refused("/api/v1/profile/7", "kind=go", 404, "history has no profile \"go\" of this process");
  refused("/api/v1/profile/7", "format=svg", 400,
          "format must be proto, flame or html, not \"svg\"");
}

TEST_F(ApiOfHistory, SaysWhyThereIsNone) {
  trouble_ = "the disk is full";
  const net::ServerReply answer = reply("/api/v1/processes");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, "there is no history: the disk is full\n");
}

TEST_F(ApiOfHistory, LoadsNothingFromElsewhere) {
  measure();
  const net::ServerReply answer = reply("/api/v1/processes");
  EXPECT_THAT(answer.headers, ::testing::Contains(::testing::Pair(
                                  "Content-Security-Policy", HasSubstr("default-src 'self'"))));
}

TEST(NamesOfRows, ComeBackAsTheyWere) {
  const auto row = history::row_of(history::series_of({"files", "usr/lib/a.so", "mapped"}));
  ASSERT_TRUE(row);
  EXPECT_EQ(row->space, "files");
  EXPECT_EQ(row->owner, "usr/lib/a.so");
  EXPECT_EQ(row->state, "mapped");
  EXPECT_FALSE(history::row_of("rss"));
  EXPECT_FALSE(history::row_of("row:native/live"));
}

}  // namespace
}  // namespace heapwatch::agent::web
