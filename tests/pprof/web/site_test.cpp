#include "pprof/web/site.h"

#include <gmock/gmock.h>

#include <array>
#include <atomic>
#include <future>
#include <thread>

#include "pprof/parse.h"
#include "tests/pprof/small_profile.h"

namespace heapwatch::pprof::web {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::Pair;

class SiteTest : public testing::Test {
 protected:
  [[nodiscard]] Reply get(std::string_view path, std::string_view query = "") const {
    return site_.answer({.path = path, .query = query, .is_own = true});
  }
  /// The JSON from which the page is drawn.
  [[nodiscard]] std::string data(std::string_view path, std::string_view query = "") const {
    const Reply reply = get(path, query);
    constexpr std::string_view start = "id=\"page-data\">";
    const std::size_t at = reply.body.find(start);
    if (at == std::string::npos) {
      return reply.body;
    }
    return reply.body.substr(at + start.size(),
                             reply.body.find("</script>", at) - at - start.size());
  }

  Session session_ = small_session();
  Site site_{
      session_,
      {},
      {.warn = [](const std::string&) {},
       .read_source = [](const std::string& path) -> base::Result<std::string> {
         return "source of " + path + "\n";
       }},
      Settings(settings_path(testing::TempDir() + "site_test_" + std::to_string(getpid()), "")),
      [](const std::string& dot) -> base::Result<std::string> { return "<svg>" + dot; }};
};

TEST_F(SiteTest, LeadsToTheFlameGraphWithTheSameParameters) {
  const Reply first = get("/", "si=alloc_space&f=a%7Cb");
  EXPECT_EQ(first.status, 307);
  EXPECT_THAT(first.headers, testing::Contains(Pair("Location", "ui?si=alloc_space&f=a%7Cb")));
  const Reply second = get("/ui/", "f=x");
  EXPECT_EQ(second.status, 301);
  EXPECT_THAT(second.headers, testing::Contains(Pair("Location", "flamegraph?f=x")));
  EXPECT_THAT(get("/ui", "f=x").headers, testing::Contains(Pair("Location", "ui/flamegraph?f=x")));
  for (const char* old : {"/ui/flamegraph2", "/ui/flamegraphold"}) {
    EXPECT_THAT(get(old).headers, testing::Contains(Pair("Location", "flamegraph")));
  }
}

TEST_F(SiteTest, TitlesNameTheProfile) {
  EXPECT_THAT(get("/ui/top", "si=alloc_space").body,
              HasSubstr("<title>alloc_space - Top - heapwatch pprof</title>"));
  Profile profile = small_session().profile();
  profile.mappings = {{.id = 1, .file = profile.strings.add("/bin/a<b>&c")}};
  const Session session(std::move(profile));
  const Site site(session, {}, {}, Settings(""));
  EXPECT_THAT(
      site.answer({.path = "/ui/flamegraph"}).body,
      HasSubstr("<title>a&lt;b>&amp;c inuse_space - Flame graph - heapwatch pprof</title>"));
}

TEST_F(SiteTest, TopHasTheRowsOfTheReport) {
  EXPECT_THAT(
      data("/ui/top", "n=2&unit=B"),
      HasSubstr(R"("total":"4096B","totalNumber":4096,"rows":[)"
                R"({"Name":"example.com/kit/store.(*Map).grow","InlineLabel":"",)"
                R"("FlatFormat":"3072B","CumFormat":"3072B","Flat":3072,"Cum":3072},)"
                R"({"Name":"main.leaf","InlineLabel":"","FlatFormat":"1024B","CumFormat":"1024B",)"
                R"("Flat":1024,"Cum":1024}])"));
}

TEST_F(SiteTest, TakesPprofsParameters) {
  EXPECT_THAT(data("/ui/top", "si=alloc_space"), HasSubstr("main.spent"));
  EXPECT_THAT(data("/ui/top", "f=leaf"), Not(HasSubstr("grow")));
  EXPECT_THAT(data("/ui/top", "i=leaf"), Not(HasSubstr("main.leaf\",\"Inline")));
  EXPECT_THAT(data("/ui/top", "h=main%5C."), Not(HasSubstr("\"main.main\"")));
  EXPECT_THAT(data("/ui/top", "g=lines"), HasSubstr("main.leaf /src/main.go:5"));
  EXPECT_THAT(data("/ui/top", "sort=cum&n=1"), HasSubstr("\"rows\":[{\"Name\":\"main.main\""));
  EXPECT_THAT(data("/ui/graph", "calltree=t"), HasSubstr("digraph"));
}

TEST_F(SiteTest, DrawsTheGraphWithLettersOfOneWidth) {
  EXPECT_THAT(
      data("/ui/graph"),
      HasSubstr(R"("svg":"\u003csvg\u003edigraph \"unnamed\" {\u000agraph [fontname=Courier] )"
                R"(node [fontname=Courier] edge [fontname=Courier]\u000a)"));
  EXPECT_THAT(data("/ui/graph"), HasSubstr("main\\\\nleaf"));
}

TEST_F(SiteTest, ShowsTheFlameGraphWhereTheGraphCannotBeDrawn) {
  const Site site(session_, {}, {}, Settings(""),
                  [](const std::string&) -> base::Result<std::string> {
                    return base::fail(base::ErrorKind::not_found, "no Graphviz here");
                  });
  const Reply page = site.answer({.path = "/ui/graph"});
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.body, HasSubstr(R"("warnings":["The graph cannot be drawn: no Graphviz here. )"
                                   R"(This is the flame graph."])"));
  EXPECT_THAT(page.body, HasSubstr("\"flame\":{"));
  EXPECT_THAT(page.body, HasSubstr("assets/flame.js"));
  const Site without(session_, {}, {}, Settings(""));
  EXPECT_THAT(without.answer({.path = "/ui/graph"}).body,
              HasSubstr("this program draws no graphs"));
}

TEST_F(SiteTest, ServesOtherPagesWhileAGraphIsDrawn) {
  std::promise<void> is_drawing;
  std::promise<void> may_end;
  const Site site(session_, {}, {.warn = [](const std::string&) {}}, Settings(""),
                  [&](const std::string&) -> base::Result<std::string> {
                    is_drawing.set_value();
                    may_end.get_future().wait();
                    return "<svg/>";
                  });
  std::thread drawing([&] { EXPECT_EQ(site.answer({.path = "/ui/graph"}).status, 200); });
  is_drawing.get_future().wait();
  EXPECT_EQ(site.answer({.path = "/ui/top"}).status, 200);
  may_end.set_value();
  drawing.join();
}

TEST_F(SiteTest, PeekAndSourceWorkOnTheExpressionOfTheirParameter) {
  EXPECT_THAT(data("/ui/peek", "f=leaf"), HasSubstr("|   main.middle"));
  EXPECT_THAT(data("/ui/peek"), Not(HasSubstr("\"text\"")));
  EXPECT_THAT(data("/ui/source", "f=leaf"),
              HasSubstr("ROUTINE ======================== main.leaf in /src/main.go\\u000a"));
  EXPECT_THAT(data("/ui/source", "f=leaf"), HasSubstr("1:source of /src/main.go"));
}

TEST_F(SiteTest, RefusesWrongParametersWithASentence) {
  const Reply reply = get("/ui/top", "f=(");
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.body, "parsing focus regexp: error parsing regexp: missing closing ): `(`\n");
  EXPECT_EQ(get("/ui/top", "n=many").status, 400);
  EXPECT_EQ(get("/ui/top", "si=foo").status, 400);
  EXPECT_EQ(get("/ui/peek", "f=nothing_has_this_name").status, 400);
  EXPECT_EQ(get("/ui/disasm", "f=x").status, 501);
  EXPECT_EQ(get("/ui/other").status, 404);
  EXPECT_EQ(get("/other").status, 404);
}

TEST_F(SiteTest, TellsErrorsOnThePageWhenOneIsWanted) {
  const Reply option = site_.answer({.path = "/ui/top", .query = "n=many", .wants_page = true});
  EXPECT_EQ(option.status, 400);
  EXPECT_EQ(option.type, "text/html; charset=utf-8");
  EXPECT_THAT(option.body, HasSubstr(get("/ui/top", "n=many").body.substr(0, 20)));
  const Reply peek = site_.answer({.path = "/ui/peek", .query = "f=none", .wants_page = true});
  EXPECT_EQ(peek.status, 400);
  EXPECT_THAT(peek.body, HasSubstr(R"("error":"no matches found for regexp: none")"));
  EXPECT_THAT(data("/ui/peek", "f=leaf"), HasSubstr(R"("error":"")"));
}

TEST_F(SiteTest, ShowsTheStartOfATextThatIsTooLongToLookAt) {
  std::string text = "goroutine profile: total 10000\n";
  const std::string name = "main." + std::string(1000, 'x');
  for (int i = 1000; i < 6000; ++i) {
    const std::string number = std::to_string(i);
    text += "2 @ 0x" + number + "2\n#\t0x" + number + "1\t";
    text += name + number + "+0x1\t/a.go:1\n\n";
  }
  const Session session(std::move(parse_profile(text, {}).value()));
  const Site site(session, {}, {}, Settings(""));
  const Reply all = site.answer({.path = "/ui/peek", .query = "f=main"});
  EXPECT_EQ(all.status, 200);
  EXPECT_LT(all.body.size(), 6'000'000U);
  EXPECT_THAT(all.body, HasSubstr("\"warnings\":[\"this is the start of a report of "));
  EXPECT_THAT(all.body, HasSubstr("\\u000a\",\"error\":\"\""));
  EXPECT_THAT(site.answer({.path = "/ui/peek", .query = "f=x5999"}).body,
              HasSubstr("\"warnings\":[]"));
}

TEST_F(SiteTest, TellsWarningsOnThePage) {
  EXPECT_THAT(data("/ui/top", "f=nothing_has_this_name"),
              HasSubstr("\"warnings\":[\"Focus expression matched no samples\"]"));
}

TEST_F(SiteTest, PagesRunNoScriptsButTheirOwn) {
  const Reply reply = get("/ui/flamegraph", "f=%3Cscript%3Ealert(1)%3C%2Fscript%3E");
  EXPECT_THAT(reply.body, Not(HasSubstr("<script>alert")));
  const Reply page = get("/ui/flamegraph");
  EXPECT_THAT(page.headers,
              testing::Contains(Pair("Content-Security-Policy", HasSubstr("script-src 'self'"))));
  EXPECT_THAT(page.body, Not(HasSubstr("http")));
}

TEST_F(SiteTest, DownloadIsTheProfile) {
  const Reply reply = get("/ui/download");
  EXPECT_EQ(reply.type, "application/vnd.google.protobuf+gzip");
  const auto profile = parse_profile(reply.body, {});
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_EQ(profile->samples.size(), 3U);
}

TEST_F(SiteTest, KeepsOptionsUnderNames) {
  const auto post = [&](std::string_view path, std::string_view query) {
    return site_.answer({.path = path, .query = query, .is_post = true, .is_own = true});
  };
  EXPECT_EQ(post("/ui/saveconfig", "config=mine&f=leaf&si=alloc_space").body, "saved\n");
  EXPECT_THAT(data("/ui/top"), HasSubstr(R"("configs":[{"name":"mine","query":"f=leaf"}])"));
  const Request strange{.path = "/ui/deleteconfig", .query = "config=mine", .is_post = true};
  EXPECT_EQ(site_.answer(strange).status, 403);
  // What a link or an image can ask for changes nothing.
  const Reply link = get("/ui/deleteconfig", "config=mine");
  EXPECT_EQ(link.status, 405);
  EXPECT_THAT(link.headers, testing::Contains(Pair("Allow", "POST")));
  EXPECT_THAT(data("/ui/top"), HasSubstr(R"("name":"mine")"));
  EXPECT_EQ(post("/ui/deleteconfig", "config=mine").body, "deleted\n");
  EXPECT_EQ(post("/ui/deleteconfig", "config=mine").status, 400);
  EXPECT_THAT(data("/ui/top"), HasSubstr("\"configs\":[]"));
}

TEST_F(SiteTest, AnswersSeveralAtOnce) {
  const std::string top = get("/ui/top").body;
  const std::string graph = get("/ui/graph", "si=alloc_space").body;
  std::atomic<int> same = 0;
  std::array<std::thread, 4> threads;
  for (std::thread& thread : threads) {
    thread = std::thread([&] {
      for (int round = 0; round < 5; ++round) {
        if (get("/ui/top").body == top) {
          ++same;
        }
        if (get("/ui/graph", "si=alloc_space").body == graph) {
          ++same;
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(same, 40);
}

TEST_F(SiteTest, ServesWhatThePagesNeed) {
  for (const char* name : {"site.js", "site.css", "flame.js", "flame.css"}) {
    const Reply reply = get("/ui/assets/" + std::string(name));
    EXPECT_EQ(reply.status, 200) << name;
    EXPECT_GT(reply.body.size(), 500U) << name;
  }
}

}  // namespace
}  // namespace heapwatch::pprof::web
