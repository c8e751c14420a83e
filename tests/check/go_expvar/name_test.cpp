#include "check/go_expvar/name.h"

#include <gtest/gtest.h>

#include <array>

namespace heapwatch::check::go_expvar {
namespace {

struct NameCase {
  std::string_view metric;
  std::string_view prefix;
  std::string_view name;
};

TEST(Normalize, GivesTheNamesOfTheAgent) {
  constexpr std::array<NameCase, 35> cases{{
      {"rtloader.AllocatedBytes", "datadog.agent", "datadog.agent.rtloader.allocated_bytes"},
      {"rtloader.InuseBytes", "datadog.agent", "datadog.agent.rtloader.inuse_bytes"},
      {"memstats.PauseTotalNs", "go_expvar", "go_expvar.memstats.pause_total_ns"},
      {"memstats.NumGC", "go_expvar", "go_expvar.memstats.num_gc"},
      {"memstats.BySize.1.Mallocs", "go_expvar", "go_expvar.memstats.by_size.1.mallocs"},
      {"memstats.GCCPUFraction", "p", "p.memstats.gccpu_fraction"},
      {"memstats.MSpanInuse", "p", "p.memstats.m_span_inuse"},
      {"memstats.MCacheSys", "p", "p.memstats.m_cache_sys"},
      {"memstats.GCSys", "p", "p.memstats.gc_sys"},
      {"forwarder.Transactions.ErrorsByType.DNSErrors", "p",
       "p.forwarder.transactions.errors_by_type.dns_errors"},
      {"dogstatsd-udp.PacketReadingErrors", "p", "p.dogstatsd_udp.packet_reading_errors"},
      {"GetHTTPResponseCode2xx", "p", "p.get_http_response_code2xx"},
      {"IPv4Addr", "p", "p.i_pv4_addr"},
      {"oAuth2Token", "p", "p.o_auth2_token"},
      {"iPhone4S", "p", "p.i_phone4_s"},
      {"aBCd", "p", "p.a_b_cd"},
      {"GET /api/v1/users", "p", "p.get_api_v1_users"},
      {"2xx", "p", "p.xx"},
      {"9lives", "p", "p.lives"},
      {"404", "p", "p."},
      {"200", "p", "p."},
      {"-", "p", "p."},
      {"$$", "p", "p."},
      {"日本", "p", "p."},
      {"n.404", "p", "p.n.404"},
      {"foo..bar", "p", "p.foo..bar"},
      {".foo", "p", "p.foo"},
      {"foo.", "p", "p.foo."},
      {"", "p", "p."},
      {"höhe.ﬁles.m²", "p", "p.hohe.files.m2"},
      {"a__b_._c", "p", "p.a_b.c"},
      // A prefix keeps its double underscores, its dots at the end, and no letter outside ASCII.
      {"x", "a__b", "a__b.x"},
      {"x", "trail.", "trail..x"},
      {"x", "9lives", "lives.x"},
      {"x", "", ".x"},
  }};
  for (const NameCase& c : cases) {
    EXPECT_EQ(normalize(c.metric, std::string(c.prefix)), c.name) << c.metric << " " << c.prefix;
  }
}

TEST(Normalize, WritesUnderscoresForPrefixesOutsideAscii) {
  EXPECT_EQ(normalize("x", "kühl"), "k_hl.x");
  EXPECT_EQ(normalize("x", "somePrefix"), "some_prefix.x");
}

TEST(Normalize, PutsNothingInFrontWithoutAPrefix) {
  EXPECT_EQ(normalize("memstats.HeapAlloc", std::nullopt), "memstats.heap_alloc");
}

TEST(AsciiOf, DecomposesWhatItCanAndDropsTheRest) {
  EXPECT_EQ(ascii_of("für"), "fur");
  EXPECT_EQ(ascii_of("ﬁ"), "fi");
  EXPECT_EQ(ascii_of("m²"), "m2");
  EXPECT_EQ(ascii_of("日本"), "");
  EXPECT_EQ(ascii_of("größe"), "groe");
  EXPECT_EQ(ascii_of("ＡＢＣ"), "ABC");
  EXPECT_EQ(ascii_of("½"), "12");  // the fraction slash is outside ASCII
  EXPECT_EQ(ascii_of("\U0001D400\U0001D7FF"), "A9");
}

TEST(AsciiOf, DropsBytesThatAreNoUtf8) {
  EXPECT_EQ(ascii_of("a\xff\xc3"
                     "b"),
            "ab");
  EXPECT_EQ(ascii_of("\xe2\x82"), "");
}

}  // namespace
}  // namespace heapwatch::check::go_expvar
