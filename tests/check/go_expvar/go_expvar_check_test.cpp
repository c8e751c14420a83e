#include "check/go_expvar/go_expvar_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "base/file.h"
#include "check/registry.h"
#include "net/http_server.h"
#include "tests/check/recording_sink.h"

namespace heapwatch::check::go_expvar {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

GoExpvarCheck make() {
  GoExpvarConfig config;
  config.request = std::make_shared<const net::HttpRequest>();
  config.target = "http://h/debug/vars";
  config.collector.metrics = {{.path = expvar::parse_path(".*").value(),
                               .type = metrics::MetricType::gauge,
                               .alias = std::nullopt,
                               .tags = {}}};
  return GoExpvarCheck(std::move(config));
}

std::string error_of(const net::HttpResult& response) {
  auto check = make();
  RecordingSink sink;
  const auto report = check.consume(response, sink);
  EXPECT_THAT(sink.lines, IsEmpty());
  return report ? "no error" : report.error().message;
}

TEST(GoExpvarCheck, FailsWithTheStatusOfTheServer) {
  EXPECT_EQ(error_of(net::HttpResponse{.status = 404, .body = "{}", .headers = {}}),
            "404 Not Found for url: http://h/debug/vars");
  EXPECT_EQ(error_of(net::HttpResponse{.status = 500, .body = "{}", .headers = {}}),
            "500 Internal Server Error for url: http://h/debug/vars");
  EXPECT_EQ(error_of(net::HttpResponse{.status = 302, .body = "", .headers = {}}),
            "302 Found for url: http://h/debug/vars; a redirect is only followed with "
            "`allow_redirects: true`");
}

TEST(GoExpvarCheck, FailsAsTheExchangeFailed) {
  EXPECT_EQ(error_of(base::fail(base::ErrorKind::timeout, "too slow")), "too slow");
}

TEST(GoExpvarCheck, FailsOnAnEmptyBody) {
  EXPECT_EQ(error_of(net::HttpResponse{.status = 204, .body = "", .headers = {}}),
            "page line 1, column 1: the page is empty; JSON is expected");
}

TEST(GoExpvarCheck, CollectsAPageOfARealGoProgram) {
  const auto page = base::read_file(HEAPWATCH_GO_PAGE, 1 << 20);
  ASSERT_TRUE(page) << page.error().message;
  auto check = make();
  RecordingSink sink;
  const auto report =
      check.consume(net::HttpResponse{.status = 200, .body = *page, .headers = {}}, sink);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->body_bytes, page->size());
  EXPECT_THAT(report->dropped, ElementsAre(Pair("invalid_json", 3), Pair("not_finite", 1)));
  EXPECT_EQ(report->warnings.size(), 1U);
  EXPECT_THAT(sink.lines,
              AllOf(Contains("go_expvar.requests gauge 42"),
                    Contains("go_expvar.big gauge 9223372036854775807"),
                    Contains("go_expvar.unsigned gauge 18446744073709551615"),
                    Contains("go_expvar.ratio gauge 0.25"), Contains("go_expvar.bell gauge 5")));
  EXPECT_THAT(sink.lines,
              Contains(testing::StartsWith("go_expvar.memstats.pause_ns histogram ")).Times(3));
}

/// Serves one page and counts how often it was asked for.
class CountedPage {
 public:
  explicit CountedPage(std::string page)
      : page_(std::move(page)),
        server_(
            net::HttpServer::start({.listen = "127.0.0.1:0"}, [this](const net::ServerRequest&) {
              ++asked_;
              return net::ServerReply{.body = page_};
            }).value()) {}

  [[nodiscard]] GoExpvarCheck check_of(const std::string& path) const {
    GoExpvarConfig config;
    auto request = std::make_shared<net::HttpRequest>();
    request->url = "http://127.0.0.1:" + std::to_string(server_->port()) + "/";
    config.request = std::move(request);
    config.target = "http://h/";
    config.can_connect_tags.emplace();
    config.collector.memstats = false;
    config.collector.metrics = {{.path = expvar::parse_path(path).value(),
                                 .type = metrics::MetricType::gauge,
                                 .alias = std::nullopt,
                                 .tags = {}}};
    return GoExpvarCheck(std::move(config));
  }
  [[nodiscard]] int asked() const { return asked_; }
  [[nodiscard]] std::size_t size() const { return page_.size(); }

 private:
  std::string page_;
  std::atomic<int> asked_{0};
  std::unique_ptr<net::HttpServer> server_;
};

std::string long_page(const std::string& wanted) {
  std::string page = R"({"unwanted": {"text": ")" + std::string(100'000, 'x') + R"("}, "wanted": )";
  return page + wanted + "}";
}

TEST(GoExpvarCheck, TakesALongPageAsItArrives) {
  const CountedPage page(long_page(R"({"a": 1, "b": 2})"));
  GoExpvarCheck check = page.check_of("wanted/.*");
  RecordingSink sink;
  const auto report = check.run(sink);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->body_bytes, page.size());
  EXPECT_THAT(report->warnings, IsEmpty());
  EXPECT_THAT(sink.lines, ElementsAre("go_expvar.wanted.a gauge 1", "go_expvar.wanted.b gauge 2",
                                      "go_expvar.can_connect"));
  EXPECT_EQ(page.asked(), 1);
}

TEST(GoExpvarCheck, AsksForALongPageAgainWhereItTakesAllOfItToTell) {
  const CountedPage page(long_page(R"({"a": 1, "b": +Inf})"));
  GoExpvarCheck check = page.check_of("wanted/.*");
  for (int run = 1; run <= 2; ++run) {
    RecordingSink sink;
    const auto report = check.run(sink);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->body_bytes, page.size());
    EXPECT_THAT(report->dropped, ElementsAre(Pair("invalid_json", 1)));
    ASSERT_EQ(report->warnings.size(), 1U);
    EXPECT_THAT(report->warnings[0], testing::HasSubstr("line 1, column 100052"));
    EXPECT_THAT(sink.lines, ElementsAre("go_expvar.wanted.a gauge 1", "go_expvar.can_connect"));
    EXPECT_EQ(page.asked(), run + 1);  // twice in the first run, and whole at once afterwards
  }
}

TEST(GoExpvarCheck, TellsWhereALongPageIsBroken) {
  const CountedPage page(long_page(R"({"a": 1, "b" 2})"));
  GoExpvarCheck check = page.check_of("wanted/.*");
  RecordingSink sink;
  const auto report = check.run(sink);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().message,
            "page line 1, column 100051: a colon is missing after the name of a member");
  EXPECT_THAT(sink.lines, ElementsAre("go_expvar.can_connect"));
  EXPECT_EQ(page.asked(), 2);
}

TEST(MakeCheck, BuildsAnInstance) {
  config::Diagnostics diagnostics;
  const config::CheckConfig file{
      .check_name = "go_expvar",
      .file = "conf.d/go_expvar.d/conf.yaml",
      .init_config = {},
      .instances = {config::parse_yaml("{expvar_url: 'http://u:p@h', min_collection_interval: 0.5}",
                                       "f", diagnostics)}};
  const config::AgentConfig agent;
  const auto made = make_check({file, file.instances[0], agent}, {}, diagnostics);
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(made->instance->check_name, "go_expvar");
  EXPECT_EQ(made->instance->check_version, HEAPWATCH_VERSION);
  EXPECT_EQ(made->instance->source, "file:conf.d/go_expvar.d/conf.yaml");
  EXPECT_EQ(made->instance->target, "http://h/debug/vars");
  EXPECT_EQ(made->instance->id, config::check_id(file, file.instances[0]));
  EXPECT_EQ(made->interval, std::chrono::milliseconds(500));
  EXPECT_NE(dynamic_cast<HttpCheck*>(made->check.get()), nullptr);
}

TEST(MakeCheck, SuggestsAName) {
  config::Diagnostics diagnostics;
  const config::CheckConfig file{
      .check_name = "go_expvr", .file = "f.yaml", .init_config = {}, .instances = {{}}};
  const config::AgentConfig agent;
  EXPECT_EQ(make_check({file, file.instances[0], agent}, {}, diagnostics), nullptr);
  ASSERT_EQ(diagnostics.all().size(), 1U);
  EXPECT_EQ(to_text(diagnostics.all()[0]),
            "f.yaml: there is no check \"go_expvr\"; did you mean \"go_expvar\"?");
}

TEST(GoExpvarCheck, SaysWhetherItCouldConnect) {
  GoExpvarConfig config;
  config.request = std::make_shared<const net::HttpRequest>();
  config.target = "http://h/debug/vars";
  config.can_connect_tags = metrics::Tags{"a:b"};
  GoExpvarCheck check(std::move(config));
  RecordingSink sink;
  ASSERT_TRUE(check.consume(net::HttpResponse{.status = 200, .body = "{}", .headers = {}}, sink));
  ASSERT_FALSE(check.consume(net::HttpResponse{.status = 500, .body = "", .headers = {}}, sink));
  ASSERT_FALSE(check.consume(base::fail(base::ErrorKind::unreachable, "no route"), sink));
  ASSERT_EQ(sink.service_checks.size(), 3U);
  EXPECT_EQ(sink.service_checks[0].name, "go_expvar.can_connect");
  EXPECT_EQ(sink.service_checks[0].status, metrics::ServiceCheckStatus::ok);
  EXPECT_THAT(sink.service_checks[0].tags, ElementsAre("a:b"));
  EXPECT_EQ(sink.service_checks[1].status, metrics::ServiceCheckStatus::critical);
  EXPECT_EQ(sink.service_checks[1].message,
            "500 Internal Server Error for url: http://h/debug/vars");
  EXPECT_EQ(sink.service_checks[2].message, "no route");
}

}  // namespace
}  // namespace heapwatch::check::go_expvar
