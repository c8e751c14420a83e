// Where a profile comes from, and how it is asked for.
#include "agent/pprof/source.h"

#include <gmock/gmock.h>

#include <string>

namespace heapwatch::agent {
namespace {

using std::chrono::seconds;

Source parse(const pprof::FetchRequest& asked, const TransportFlags& flags = {}) {
  auto source = parse_source(asked, flags);
  EXPECT_TRUE(source.has_value()) << source.error().message;
  return source.value_or(Source());
}

std::string error_of(const std::string& url, const TransportFlags& flags = {}) {
  const auto source = parse_source({.url = url}, flags);
  return source ? "none" : source.error().message;
}

/// The flags that these arguments give.
TransportFlags flags_of(std::initializer_list<std::pair<const char*, const char*>> arguments) {
  TransportFlags flags;
  for (const auto& [name, value] : arguments) {
    for (const pprof::ExtraFlag& flag : transport_flags(flags)) {
      if (flag.name != name) {
        continue;
      }
      const auto set = flag.set(value);
      EXPECT_TRUE(set.has_value()) << set.error().message;
    }
  }
  return flags;
}

TEST(PprofSource, IsAskedForGarbageToBeCollected) {
  const TransportFlags gc = flags_of({{"gc", "true"}, {"kind", "heap"}});
  const TransportFlags query = flags_of({{"kind", "heap?gc=1"}});
  for (const TransportFlags* flags : {&gc, &query}) {
    const Source source = parse({.url = "localhost:5000"}, *flags);
    EXPECT_EQ(source.request.url, "http://localhost:5000/debug/pprof/heap?gc=1");
    EXPECT_EQ(source.shown, source.request.url);
    EXPECT_EQ(source.kind, "heap");
    EXPECT_TRUE(source.collects);
  }
  EXPECT_EQ(parse({.url = "http://a:1/debug/pprof/heap?gc=0&debug=1"}, flags_of({{"gc", "true"}}))
                .request.url,
            "http://a:1/debug/pprof/heap?debug=1&gc=1");
  EXPECT_FALSE(parse({.url = "http://a:1/debug/pprof/heap?gc=0"}).collects);
  EXPECT_FALSE(parse({.url = "http://a:1/debug/pprof/heap"}).collects);
}

TEST(PprofSource, RefusesACollectionForOtherProfiles) {
  EXPECT_EQ(
      error_of("a:1", flags_of({{"gc", "true"}, {"kind", "goroutine"}})),
      "-gc is for heap profiles, not for /debug/pprof/goroutine; name one, as with -kind heap");
}

TEST(PprofSource, HasTheTimeThatIsAskedFor) {
  const auto timeout = [](const char* url, int wanted) {
    return parse({.url = url, .timeout_s = wanted}).request.total_timeout;
  };
  EXPECT_EQ(timeout("http://a:1/debug/pprof/heap", 2), seconds(2));
  EXPECT_EQ(timeout("http://a:1", 2), seconds(2));
  EXPECT_EQ(timeout("http://a:1", 300), seconds(300));
  // What fits just so may be a little late.
  EXPECT_EQ(timeout("http://a:1/debug/pprof/heap?seconds=10", 10), seconds(15));
  EXPECT_EQ(timeout("http://a:1", -1), seconds(65));
  EXPECT_EQ(timeout("http://a:1/debug/pprof/heap", -1), seconds(65));
  EXPECT_EQ(timeout("http://a:1/debug/pprof/heap?seconds=10", -1), seconds(20));
}

TEST(PprofSource, ErrorsLeaveTheUrlToWhoTellsThem) {
  EXPECT_EQ(error_of("http://localhost:99999"), "must have a port from 1 to 65535, not \"99999\"");
  EXPECT_EQ(error_of("no_url"), "open no_url: no such file or directory");
}

}  // namespace
}  // namespace heapwatch::agent
