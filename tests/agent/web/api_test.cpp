#include "agent/web/api.h"

#include <gmock/gmock.h>
#include <rapidjson/document.h>

#include "../../history/made_history.h"
#include "agent/web/api_json.h"
#include "answer_schema.h"
#include "history/series_names.h"
#include "pprof/gunzip.h"

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
