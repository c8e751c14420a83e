#include <gmock/gmock.h>
#include <rapidjson/document.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "../../history/made_history.h"
#include "agent/web/api.h"
#include "agent/web/outside.h"
#include "answer_schema.h"
#include "check/memory_verdicts.h"

namespace heapwatch::agent::web {
namespace {

using ::testing::HasSubstr;
using tests::hour;
using tests::second;
using tests::start;

class ActionsOfApi : public tests::MadeHistory {
 protected:
  void measure() {
    for (int i = 0; i <= 60; ++i) {
      record({{"rss", 1000 + i}, {"verdict", i < 30 ? 1 : 0}, {"confidence", 2}});
      now_ += 10 * second;
    }
    now_ -= 10 * second;
    const history::LifeInfo shop = life();
    recorder().event(&shop, start + 300 * second, "verdict", "leak in native: f");
    recorder().flush();
  }
  net::ServerReply reply(const net::ServerRequest& request) {
    return net::Routes(api_.routes()).answer(request);
  }
  net::ServerReply get(const std::string& path, const std::string& query = {}) {
    return reply({.method = "GET", .path = path, .query = query, .headers = {}, .body = {}});
  }
  net::ServerReply post(int pid, const std::string& body, net::Headers headers) {
    return reply({.method = "POST",
                  .path = "/api/v1/watch/" + std::to_string(pid),
                  .query = "",
                  .headers = std::move(headers),
                  .body = body});
  }
  static rapidjson::Document parsed(const net::ServerReply& answer) {
    EXPECT_EQ(answer.status, 200) << answer.body;
    rapidjson::Document document;
    document.Parse(answer.body.c_str());
    EXPECT_EQ(tests::against_schema(document), "");
    return document;
  }

  const net::Headers good_{{"host", "localhost:5000"}, {"content-type", "application/json"}};
  Watches watches_{{.every = std::chrono::hours(1), .look = {}, .after_round = {}}};
  Api api_{{.history = path(),
            .verdicts = [] { return std::vector<Verdict>{}; },
            .check_verdicts = [] { return std::vector<CheckVerdict>{}; },
            .clock = [this] { return now_; },
            .trouble = [] { return std::string(); },
            .watches = &watches_}};
};

TEST_F(ActionsOfApi, WatchAProcessThatIsAskedFor) {
  const auto begun = parsed(post(::getpid(), "{}", good_));
  EXPECT_EQ(begun["pid"].GetInt(), ::getpid());
  EXPECT_TRUE(begun["watched"].GetBool());
  EXPECT_THAT(std::string(begun["name"].GetString()), HasSubstr("agent_web"));
  EXPECT_TRUE(parsed(post(::getpid(), R"({"watch": true})", good_))["watched"].GetBool());
  const auto list = parsed(get("/api/v1/watch"));
  ASSERT_EQ(list["watched"].Size(), 1U);
  EXPECT_EQ(list["watched"][0]["pid"].GetInt(), ::getpid());
  EXPECT_FALSE(parsed(post(::getpid(), R"({"watch": false})", good_))["watched"].GetBool());
  EXPECT_EQ(parsed(get("/api/v1/watch"))["watched"].Size(), 0U);
  EXPECT_EQ(post(::getpid(), R"({"watch": false})", good_).status, 404);
}

TEST_F(ActionsOfApi, WatchNothingForAPageOfAnotherSite) {
  const auto status = [this](const std::string& key, const std::string& value) {
    net::Headers headers = good_;
    headers.emplace_back(key, value);
    return post(::getpid(), "{}", headers).status;
  };
  EXPECT_EQ(status("origin", "http://evil.example"), 403);
  EXPECT_EQ(status("origin", "http://localhost:5001"), 403);
  EXPECT_EQ(status("origin", "localhost:5000"), 403);
  EXPECT_EQ(status("origin", "null"), 403);
  EXPECT_EQ(status("sec-fetch-site", "cross-site"), 403);
  EXPECT_EQ(status("sec-fetch-site", "same-site"), 403);
  EXPECT_TRUE(watches_.all().empty());
  EXPECT_EQ(status("origin", "http://LOCALHOST:5000"), 200);
  EXPECT_EQ(status("sec-fetch-site", "same-origin"), 200);
}

TEST_F(ActionsOfApi, TakeAPostOfJsonAlone) {
  const auto status = [this](const std::string& type) {
    return post(::getpid(), "{}", {{"host", "localhost"}, {"content-type", type}}).status;
  };
  EXPECT_EQ(status("text/plain"), 415);
  EXPECT_EQ(status("application/x-www-form-urlencoded"), 415);
  EXPECT_EQ(status(""), 415);
  EXPECT_EQ(status("application/jsonp"), 415);
  EXPECT_TRUE(watches_.all().empty());
  EXPECT_EQ(status("application/json; charset=utf-8"), 200);
  EXPECT_EQ(get("/api/v1/watch/1").status, 405);
  for (const char* body : {"", "[]", "{\"watch\": 1}", "{", "{} {}"}) {
    EXPECT_EQ(post(::getpid(), body, good_).status, 400) << body;
  }
  EXPECT_EQ(post(2'000'000'000, "{}", good_).status, 400);
  EXPECT_EQ(post(4'194'303, "{}", good_).status, 404);
}

TEST_F(ActionsOfApi, SaveATimeThatOpensAsAFile) {
  measure();
  const net::ServerReply file = get("/api/v1/export");
  ASSERT_EQ(file.status, 200) << file.body;
  EXPECT_EQ(file.content_type, "application/x-tar");
  const std::filesystem::path saved = folder_ / "incident.tar";
  std::ofstream(saved, std::ios::binary) << file.body;
  const auto opened = FileHistory::open(saved, "1");
  ASSERT_TRUE(opened) << opened.error().message;
  const net::Routes routes((*opened)->routes());
  const auto ask = [&routes](const std::string& path) {
    return parsed(
        routes.answer({.method = "GET", .path = path, .query = "", .headers = {}, .body = {}}));
  };
  const auto processes = ask("/api/v1/processes");
  EXPECT_FALSE(processes["live"].GetBool());
  EXPECT_FALSE(processes["can_watch"].GetBool());
  EXPECT_EQ(processes["clock"].GetInt64(), now_);
  EXPECT_EQ(processes["to"].GetInt64(), now_);  // without a word the last hour of the file is shown
  ASSERT_EQ(processes["processes"].Size(), 1U);
  EXPECT_EQ(processes["processes"][0]["rss_bytes"].GetInt64(), 1060);
  EXPECT_STREQ(processes["processes"][0]["verdict"]["verdict"].GetString(), "leak");
  EXPECT_STREQ(processes["processes"][0]["verdict"]["sentence"].GetString(), "leak in native: f");
  EXPECT_STREQ(ask("/api/v1/suspects/7")["verdict"]["confidence"].GetString(), "high");
  EXPECT_EQ(ask("/api/v1/memory/7")["times"].Size(), 61U);
  EXPECT_EQ(routes
                .answer({.method = "POST",
                         .path = "/api/v1/watch/1",
                         .query = "",
                         .headers = good_,
                         .body = "{}"})
                .status,
            404);
}

TEST_F(ActionsOfApi, OpenAHistoryAsAFile) {
  measure();
  stop();
  const auto opened = FileHistory::open(path(), "1");
  ASSERT_TRUE(opened) << opened.error().message;
  std::ofstream(folder_ / "text") << "nothing of ours";
  EXPECT_THAT(FileHistory::open(folder_ / "text", "1").error().message,
              HasSubstr("it is no tar archive"));
  std::ofstream(folder_ / "empty");
  EXPECT_FALSE(FileHistory::open(folder_ / "empty", "1"));
  EXPECT_FALSE(FileHistory::open(folder_ / "absent", "1"));
}

TEST_F(ActionsOfApi, SaveNothingWhereThereIsNothing) {
  measure();
  EXPECT_EQ(get("/api/v1/export", "from=1&to=2").status, 404);
  EXPECT_EQ(get("/api/v1/export", "life=x").status, 400);
  EXPECT_EQ(get("/api/v1/export", "life=99").status, 404);
}

TEST(OutsideOfAnAgent, AProcessIsWatchedUntilItEnds) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    std::_Exit(0);
  }
  std::filesystem::path folder;
  {
    auto history = OutsideHistory::start(
        {.every = std::chrono::milliseconds(50), .processes = nullptr, .version = "1"});
    ASSERT_TRUE(history) << history.error().message;
    ASSERT_TRUE((*history)->watch(child));
    EXPECT_FALSE((*history)->watch(4'194'303));
    const net::Routes routes((*history)->routes());
    const auto get = [&routes](const std::string& path) {
      return routes.answer({.method = "GET", .path = path, .query = "", .headers = {}, .body = {}});
    };
    const auto until = [](const auto& holds) {
      for (int i = 0; i < 2000 && !holds(); ++i) {
        ::usleep(20'000);
      }
      return holds();
    };
    const std::string page = "/api/v1/memory/" + std::to_string(child);
    EXPECT_TRUE(until([&] {
      const net::ServerReply answer = get(page);
      return answer.status == 200 && answer.body.find("\"rows\":[{") != std::string::npos;
    }));
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    EXPECT_TRUE(until([&] {
      return get(page).body.find("\"ended\":null") == std::string::npos &&
             get("/api/v1/watch").body.find("\"watched\":[]") != std::string::npos;
    }));
  }
}

TEST(OutsideOfAnAgent, TheFolderOfItsFileGoesWithIt) {
  std::filesystem::path left;
  {
    const auto folder = TemporaryFolder::make();
    ASSERT_TRUE(folder) << folder.error().message;
    left = folder->path();
    std::ofstream(left / "history.db") << "x";
    EXPECT_EQ(std::filesystem::status(left).permissions(), std::filesystem::perms::owner_all);
  }
  EXPECT_FALSE(std::filesystem::exists(left));
}

}  // namespace
}  // namespace heapwatch::agent::web
