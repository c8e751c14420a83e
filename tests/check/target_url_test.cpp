#include "check/target_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/value.h"

namespace heapwatch::check {
namespace {

/// `asked | socket | shown | user:password`.
std::string taken_apart(std::string_view text) {
  const auto target = parse_target_url(text);
  if (!target) {
    return "error: " + target.error().message;
  }
  return target->url + " | " + target->unix_socket + " | " + target->shown + " | " +
         target->username + ":" + target->password;
}

TEST(TargetUrl, AnAddressWithoutAPathMeansTheDefaultPage) {
  EXPECT_EQ(taken_apart("http://h:5000"),
            "http://h:5000/debug/vars |  | http://h:5000/debug/vars | :");
  EXPECT_EQ(taken_apart(" HTTPS://h "), "https://h/debug/vars |  | https://h/debug/vars | :");
  EXPECT_EQ(taken_apart("http://h:1?a=1"),
            "http://h:1/debug/vars?a=1 |  | http://h:1/debug/vars?a=*86019afc | :");
}

TEST(TargetUrl, ALoneSlashIsAPath) {
  EXPECT_EQ(taken_apart("http://h:1/"), "http://h:1/ |  | http://h:1/ | :");
}

TEST(TargetUrl, TheFragmentIsForTheTagAlone) {
  EXPECT_EQ(taken_apart("http://h:1/x?y#f"), "http://h:1/x?y |  | http://h:1/x?*86021554#f | :");
  EXPECT_EQ(taken_apart("http://h:1#f"), "http://h:1/debug/vars |  | http://h:1/debug/vars#f | :");
}

TEST(TargetUrl, CredentialsAreTakenOutAndNeverShown) {
  EXPECT_EQ(taken_apart("http://u:p%40w@h:1/x"), "http://h:1/x |  | http://h:1/x | u:p@w");
  EXPECT_EQ(taken_apart("http://u:p@w@h:1"),
            "http://h:1/debug/vars |  | http://h:1/debug/vars | u:p@w");
  EXPECT_EQ(taken_apart("http://u@h/x@y"), "http://h/x@y |  | http://h/x@y | u:");
  EXPECT_EQ(taken_apart("u:secret@h:1"), "error: needs a scheme: http://h:1");
  EXPECT_EQ(taken_apart("http://u:secret@h:x"),
            "error: must have a port from 1 to 65535, not \"x\"");
}

TEST(TargetUrl, ValuesOfAQueryAreAskedForAndNotShown) {
  const auto shown = [](std::string_view text) { return parse_target_url(text)->shown; };
  EXPECT_EQ(taken_apart("http://h/v?token=s3cret&app=a&x=&&token=s3cret"),
            "http://h/v?token=s3cret&app=a&x=&&token=s3cret |  | "
            "http://h/v?token=*3b7a4e67&app=*8601ec8c&x=&&token=*3b7a4e67 | :");
  EXPECT_EQ(shown("http://h/v?"), "http://h/v?");
  EXPECT_NE(shown("http://h/v?app=a"), shown("http://h/v?app=b"));
}

TEST(TargetUrl, WhatCameFromASecretIsNeverShown) {
  config::Value value;
  value.kind = config::Value::Kind::map;
  const auto set = [&](std::string text) {
    value.members = {{"expvar_url", 1, 1, config::Value::scalar(std::move(text))}};
    value.members[0].value.secret_handle = "page";
  };
  set("http://u:p@h:1/s3cret?token=s3cret");
  config::Diagnostics diagnostics;
  config::Section instance(value, "f.yaml", diagnostics, "instances -> 1");
  const auto target = read_target_url(instance);
  ASSERT_TRUE(target.has_value());
  EXPECT_EQ(target->url, "http://h:1/s3cret?token=s3cret");
  EXPECT_EQ(target->shown, "ENC[page]");
  net::HttpRequest request;
  aim(request, *target);
  EXPECT_EQ(request.shown_as, "ENC[page]");
  set("http://h:s3cret");
  EXPECT_FALSE(read_target_url(instance).has_value());
  ASSERT_EQ(diagnostics.all().size(), 1U);
  EXPECT_EQ(diagnostics.all()[0].message,
            "instances -> 1 -> expvar_url: what came for ENC[page] is no address of the form "
            "http://HOST:PORT/PATH, https://... or unix://...");
}

TEST(TargetUrl, Ipv6AddressesStandInBrackets) {
  EXPECT_EQ(taken_apart("http://[::1]:80/x"), "http://[::1]:80/x |  | http://[::1]:80/x | :");
  EXPECT_EQ(taken_apart("http://::1/x"),
            "error: must have an IPv6 address in brackets, such as http://[::1]:6060, not \"::1\"");
}

TEST(TargetUrl, TheSocketEndsWithTheFirstSock) {
  EXPECT_EQ(taken_apart("unix:///run/a.sock/debug/vars"),
            "http://localhost/debug/vars | /run/a.sock | unix:///run/a.sock/debug/vars | :");
  EXPECT_EQ(taken_apart("unix:///run/a.sock/b.sock?c"),
            "http://localhost/b.sock?c | /run/a.sock | unix:///run/a.sock/b.sock?*8601eff2 | :");
  EXPECT_EQ(taken_apart("unix:///run/a.sock"),
            "http://localhost/debug/vars | /run/a.sock | unix:///run/a.sock/debug/vars | :");
}

TEST(TargetUrl, AColonMayDivideSocketAndPage) {
  EXPECT_EQ(taken_apart("unix:///run/x.sock:/debug/vars"),
            "http://localhost/debug/vars | /run/x.sock | unix:///run/x.sock:/debug/vars | :");
  EXPECT_EQ(taken_apart("unix:///run/docker.socket:/v"),
            "http://localhost/v | /run/docker.socket | unix:///run/docker.socket:/v | :");
  EXPECT_EQ(taken_apart("unix:///run/a.sock/v?u=http://x"),
            "http://localhost/v?u=http://x | /run/a.sock | unix:///run/a.sock/v?u=*f4e1af49 | :");
}

TEST(TargetUrl, ASocketMayBePercentEncoded) {
  EXPECT_EQ(taken_apart("unix://%2Frun%2Fa/debug/vars"),
            "http://localhost/debug/vars | /run/a | unix://%2Frun%2Fa/debug/vars | :");
}

TEST(TargetUrl, WhatIsWrongIsSaidWithWhatWouldBeRight) {
  EXPECT_EQ(taken_apart("h:1"), "error: needs a scheme: http://h:1");
  EXPECT_EQ(taken_apart("ftp://h"),
            "error: must begin with http://, https:// or unix://, not with ftp://");
  EXPECT_EQ(taken_apart("http:///x"), "error: names no host in \"\"");
  EXPECT_EQ(taken_apart("http://h:70000"),
            "error: must have a port from 1 to 65535, not \"70000\"");
  EXPECT_EQ(taken_apart("http://h/\x01"), "error: holds a control character");
  EXPECT_EQ(taken_apart("unix://run/a.sock/x"),
            "error: must name a socket by its absolute path, such as "
            "unix:///run/app.sock/debug/vars");
  EXPECT_EQ(taken_apart("unix:///run/a/x"),
            "error: does not tell the socket from the page; write unix:///run/app.sock/debug/vars, "
            "unix:///run/app:/debug/vars or unix://%2Frun%2Fapp/debug/vars");
  EXPECT_EQ(taken_apart("unix:///" + std::string(110, 'a') + ".sock"),
            "error: names a socket with a path longer than 107 bytes");
}

TEST(TargetUrl, SpacesAndUnicodeAreEncodedForTheServer) {
  EXPECT_EQ(taken_apart("http://h/a b/é"), "http://h/a%20b/%C3%A9 |  | http://h/a b/é | :");
}

std::string complaint(std::string_view text) {
  config::Diagnostics diagnostics;
  const auto value = config::parse_yaml(text, "f.yaml", diagnostics);
  config::Section instance(value, "f.yaml", diagnostics, "instances -> 1");
  EXPECT_FALSE(read_target_url(instance).has_value());
  return diagnostics.all().size() == 1 ? to_text(diagnostics.all().front()) : "not one";
}

TEST(TargetUrl, AMissingAddressIsAnErrorOfTheInstance) {
  const std::string missing =
      "instances -> 1 -> expvar_url is missing; give the address of the page, such as "
      "http://localhost:6060/debug/vars";
  EXPECT_EQ(complaint("{a: b}"), "f.yaml:1:1: " + missing);
  EXPECT_EQ(complaint("expvar_url:"), "f.yaml:1:1: " + missing);
  EXPECT_EQ(complaint("expvar_url: ''"), "f.yaml:1:13: " + missing);
  EXPECT_EQ(complaint("expvar_url: localhost:6060"),
            "f.yaml:1:13: instances -> 1 -> expvar_url needs a scheme: http://localhost:6060");
  EXPECT_EQ(complaint("expvar_url: []"),
            "f.yaml:1:13: instances -> 1 -> expvar_url must be a string, not a list");
}

TEST(TargetUrl, ItsCredentialsCountUnlessTheRequestHasOthers) {
  const auto target = parse_target_url("http://u:p@h/x");
  ASSERT_TRUE(target.has_value());
  net::HttpRequest request;
  aim(request, *target);
  EXPECT_EQ(request.url, "http://h/x");
  EXPECT_EQ(request.auth, net::HttpAuth::basic);
  EXPECT_EQ(request.username + ":" + request.password, "u:p");
  net::HttpRequest other;
  other.auth = net::HttpAuth::digest;
  other.username = "me";
  aim(other, *target);
  EXPECT_EQ(other.auth, net::HttpAuth::digest);
  EXPECT_EQ(other.username, "me");
}

TEST(AddressOf, IsTheHostAndThePortOfAUrl) {
  const auto text = [](std::string_view url) {
    const UrlAddress address = address_of(url);
    return address.host + " " + std::to_string(address.port);
  };
  EXPECT_EQ(text("http://localhost:6060/debug/vars"), "localhost 6060");
  EXPECT_EQ(text("http://[::1]:7000/a?b=http://c:1"), "::1 7000");
  EXPECT_EQ(text("http://[::1]/a"), "::1 80");
  EXPECT_EQ(text("https://a.b/x"), "a.b 443");
  EXPECT_EQ(text("http://u:1@a:2/"), "a 2");
  EXPECT_EQ(text("http://a:65536"), "a 0");
  EXPECT_EQ(text("http://a:x"), "a 0");
}

TEST(PlaceOf, IsTheHostAndThePortOrAllThatThereIs) {
  EXPECT_EQ(place_of("http://localhost:6060/debug/vars"), "localhost:6060");
  EXPECT_EQ(place_of("https://a.b?x=*"), "a.b");
  EXPECT_EQ(place_of("http://[::1]:7000"), "[::1]:7000");
  EXPECT_EQ(place_of("unix:///run/a.sock/debug/vars"), "unix:///run/a.sock/debug/vars");
  EXPECT_EQ(place_of("ENC[handle]"), "ENC[handle]");
}

}  // namespace
}  // namespace heapwatch::check
