#include "exporters/dogstatsd/address.h"

#include <gtest/gtest.h>

#include <string>

namespace heapwatch::exporters::dogstatsd {
namespace {

using Scheme = Address::Scheme;

Address udp(std::string host, std::uint16_t port) {
  return {Scheme::udp, std::move(host), port, ""};
}

Address path_of(Scheme scheme, std::string path) {
  return {scheme, "", 0, std::move(path)};
}

std::string complaint(std::string_view text) {
  const auto parsed = parse_address(text);
  return parsed ? "taken as " + to_text(*parsed) : parsed.error().message;
}

TEST(ParseAddress, TakesUdpWithAndWithoutAPort) {
  EXPECT_EQ(parse_address("udp://agent.local:9125").value(), udp("agent.local", 9125));
  EXPECT_EQ(parse_address("udp://10.0.0.1").value(), udp("10.0.0.1", 8125));
}

TEST(ParseAddress, TakesABareHostAndPort) {
  EXPECT_EQ(parse_address("localhost").value(), udp("localhost", 8125));
  EXPECT_EQ(parse_address("localhost:1").value(), udp("localhost", 1));
}

TEST(ParseAddress, TakesIpv6InBracketsOrAlone) {
  EXPECT_EQ(parse_address("udp://[::1]:9125").value(), udp("::1", 9125));
  EXPECT_EQ(parse_address("[fe80::1%eth0]").value(), udp("fe80::1%eth0", 8125));
  EXPECT_EQ(parse_address("udp://::1").value(), udp("::1", 8125));
}

TEST(ParseAddress, TakesUnixSockets) {
  EXPECT_EQ(parse_address("unix:///run/dsd.socket").value(),
            path_of(Scheme::unix_any, "/run/dsd.socket"));
  EXPECT_EQ(parse_address("unixgram:///run/d").value(), path_of(Scheme::unixgram, "/run/d"));
  EXPECT_EQ(parse_address("unixstream://d.sock").value(), path_of(Scheme::unixstream, "d.sock"));
}

TEST(ParseAddress, ASecretIsNeitherInItsTextNorInAnError) {
  const auto hidden = parse_address("udp://s3cret:1", "ENC[h]");
  EXPECT_EQ(to_text(hidden.value()), "ENC[h]");
  EXPECT_EQ(hidden->host, "s3cret");
  EXPECT_EQ(parse_address("s3cret://a", "ENC[h]").error().message,
            "dogstatsd address: what came for ENC[h] is none; udp://host:port and unix://path are "
            "right");
}

TEST(ParseAddress, ItsTextReadsBackAsTheSame) {
  for (const char* text :
       {"udp://a:1", "udp://[::1]:8125", "unix:///a", "unixgram:///a", "unixstream:///a"}) {
    EXPECT_EQ(to_text(parse_address(text).value()), text);
  }
}

TEST(ParseAddress, SaysWhatIsWrong) {
  EXPECT_EQ(
      complaint("tcp://a:1"),
      R"(dogstatsd address "tcp://a:1": unknown scheme "tcp"; one of udp, unix, unixgram, unixstream)");
  EXPECT_EQ(complaint(""), R"(dogstatsd address "": no host; udp://host:port is right)");
  EXPECT_EQ(complaint("udp://:8125"),
            R"(dogstatsd address "udp://:8125": no host; udp://host:port is right)");
  EXPECT_EQ(complaint("udp://[::1:8125"),
            R"(dogstatsd address "udp://[::1:8125": no host; udp://host:port is right)");
  EXPECT_EQ(complaint("a b"), R"(dogstatsd address "a b": "a b" is no host name)");
  EXPECT_EQ(complaint("udp://user@a:1"),
            R"(dogstatsd address "udp://user@a:1": "user@a" is no host name)");
  EXPECT_EQ(complaint("/run/d"),
            R"(dogstatsd address "/run/d": a path needs a scheme; unix:///run/d is right)");
  EXPECT_EQ(complaint("unix://"), R"(dogstatsd address "unix://": no path of a socket)");
  for (const char* port : {":", ":0", ":65536", ":-1", ":1.5", ":80/", "x"}) {
    EXPECT_EQ(complaint("udp://[::1]" + std::string(port)),
              "dogstatsd address \"udp://[::1]" + std::string(port) + "\": \"" + port +
                  "\" is no port; :1 to :65535 is right");
  }
}

TEST(ParseAddress, RefusesAPathNoSocketCanHave) {
  const std::string path(108, 'a');
  EXPECT_EQ(complaint("unix://" + path),
            "dogstatsd address \"unix://" + path +
                "\": the path is 108 bytes long; a unix socket takes 107");
  EXPECT_TRUE(parse_address("unix://" + path.substr(1)));
}

}  // namespace
}  // namespace heapwatch::exporters::dogstatsd
