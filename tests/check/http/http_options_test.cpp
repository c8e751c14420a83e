#include "check/http/http_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace heapwatch::check::http {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

struct Outcome {
  std::optional<net::HttpRequest> request;
  std::vector<std::string> said;
};

Outcome read(std::string_view instance_text, std::string_view init_text = "",
             const config::AgentConfig& agent = {}) {
  config::Diagnostics diagnostics;
  const auto instance_value = config::parse_yaml(instance_text, "f.yaml", diagnostics);
  const auto init_value = config::parse_yaml(init_text, "f.yaml", diagnostics);
  config::Section instance(instance_value, "f.yaml", diagnostics);
  config::Section init_config(init_value, "f.yaml", diagnostics);
  Outcome outcome{read_http_options(init_config, instance, agent), {}};
  instance.finish();
  for (const auto& diagnostic : diagnostics.all()) {
    outcome.said.push_back(to_text(diagnostic));
  }
  return outcome;
}

net::HttpRequest request(std::string_view instance, std::string_view init_config = "",
                         const config::AgentConfig& agent = {}) {
  auto outcome = read(instance, init_config, agent);
  EXPECT_THAT(outcome.said, IsEmpty());
  return outcome.request.value_or(net::HttpRequest{});
}

std::string refusal(std::string_view instance) {
  const auto outcome = read(instance);
  EXPECT_FALSE(outcome.request.has_value()) << instance;
  return outcome.said.size() == 1 ? outcome.said.front() : std::to_string(outcome.said.size());
}

TEST(HttpOptions, DefaultsAreSafe) {
  const auto made = request("");
  EXPECT_THAT(made.headers, ElementsAre(Pair("User-Agent", testing::StartsWith("heapwatch/")),
                                        Pair("Accept", "*/*")));
  EXPECT_TRUE(made.accept_encoding);
  EXPECT_TRUE(made.tls.verify);
  EXPECT_TRUE(made.tls.verify_hostname);
  EXPECT_TRUE(made.keep_alive);
  EXPECT_TRUE(made.follow_redirects);
  EXPECT_EQ(made.auth, net::HttpAuth::none);
  EXPECT_EQ(made.body_bytes_max, 16U * 1024 * 1024);
  EXPECT_EQ(made.connect_timeout, milliseconds(10'000));
  EXPECT_EQ(made.read_timeout, milliseconds(10'000));
  EXPECT_EQ(made.total_timeout, milliseconds(40'000));
}

TEST(HttpOptions, TimeoutsInheritAndMayBeFractions) {
  EXPECT_EQ(request("", "timeout: 2").connect_timeout, milliseconds(2000));
  const auto made = request("timeout: 0.5\nread_timeout: 3\n", "timeout: 2");
  EXPECT_EQ(made.connect_timeout, milliseconds(500));
  EXPECT_EQ(made.read_timeout, milliseconds(3000));
  EXPECT_EQ(made.total_timeout, milliseconds(9500));
  EXPECT_EQ(request("total_timeout: 7").total_timeout, milliseconds(7000));
  EXPECT_EQ(refusal("timeout: ten"),
            "f.yaml:1:10: timeout must be a number of seconds from 0.001 to 86400, not \"ten\"");
}

TEST(HttpOptions, AProxyThatIsASecretIsCalledByItsHandle) {
  config::AgentConfig agent;
  agent.proxy = {.http = "http://h:1",
                 .https = "http://h:2",
                 .no_proxy = {},
                 .http_shown_as = "ENC[a]",
                 .https_shown_as = ""};
  const auto made = request("", "", agent).proxy;
  EXPECT_EQ(made.http_shown_as, "ENC[a]");
  EXPECT_EQ(made.https_shown_as, "");

  config::Diagnostics diagnostics;
  config::Value value = config::parse_yaml("proxy: {http: 'http://h:1', https: 'ftp://s3cret'}",
                                           "f.yaml", diagnostics);
  for (config::Value::Member& member : value.members.front().value.members) {
    member.value.secret_handle = member.key;
  }
  const config::Value none;
  config::Section instance(value, "f.yaml", diagnostics);
  config::Section init_config(none, "f.yaml", diagnostics);
  EXPECT_FALSE(read_http_options(init_config, instance, {}).has_value());
  ASSERT_EQ(diagnostics.all().size(), 1U);
  EXPECT_EQ(to_text(diagnostics.all().front()),
            "f.yaml:1:36: proxy -> https must begin with http://, https://, socks5:// or "
            "socks5h://, not be ENC[https]");
  value.members.front().value.members.pop_back();
  EXPECT_EQ(read_http_options(init_config, instance, {})->proxy.http_shown_as, "ENC[http]");
}

TEST(HttpOptions, TheNearestProxyReplacesTheOthersWhole) {
  config::AgentConfig agent;
  agent.proxy.http = "http://agent:1";
  EXPECT_EQ(request("", "", agent).proxy.http, "http://agent:1");
  const auto own = request("proxy: {https: 'socks5h://own:1', no_proxy: 'a;b, c'}",
                           "proxy: {http: 'http://init:1'}", agent)
                       .proxy;
  EXPECT_EQ(own.http, "");
  EXPECT_EQ(own.https, "socks5h://own:1");
  EXPECT_THAT(own.no_proxy, ElementsAre("a", "b", "c"));
  EXPECT_EQ(request("", "proxy: {http: 'http://init:1', no_proxy: [x]}", agent).proxy.http,
            "http://init:1");
  EXPECT_EQ(request("use_agent_proxy: false", "", agent).proxy.http, "");
  EXPECT_EQ(request("", "use_agent_proxy: false", agent).proxy.http, "");
  EXPECT_EQ(request("skip_proxy: true", "", agent).proxy.http, "");
  EXPECT_EQ(request("", "skip_proxy: true", agent).proxy.http, "");
  EXPECT_EQ(request("skip_proxy: false", "skip_proxy: true", agent).proxy.http, "http://agent:1");
  EXPECT_EQ(request("no_proxy: true", "", agent).proxy.http, "");
  EXPECT_EQ(refusal("proxy: {http: 'ftp://u:secret@h'}"),
            "f.yaml:1:15: proxy -> http must begin with http://, https://, socks5:// or "
            "socks5h://, not be \"ftp://h\"");
}

TEST(HttpOptions, BasicNeedsNameAndPassword) {
  EXPECT_EQ(request("username: u").auth, net::HttpAuth::none);
  EXPECT_EQ(request("username: u\npassword: ''").auth, net::HttpAuth::none);
  const auto made = request("username: u\npassword: p");
  EXPECT_EQ(made.auth, net::HttpAuth::basic);
  EXPECT_EQ(made.username + ":" + made.password, "u:p");
}

TEST(HttpOptions, BasicIsLatin1WhereThatIsPossible) {
  EXPECT_EQ(request("username: ü\npassword: €").username, "\xfc");
  EXPECT_EQ(request("username: ü\npassword: €").password, "€");
  EXPECT_EQ(request("username: ü\npassword: p\nuse_legacy_auth_encoding: false").username, "ü");
}

TEST(HttpOptions, OtherAuthentication) {
  EXPECT_EQ(request("auth_type: digest\nusername: u\npassword: p").auth, net::HttpAuth::digest);
  EXPECT_EQ(request("auth_type: kerberos\nkerberos_auth: optional").auth, net::HttpAuth::kerberos);
  EXPECT_EQ(request("auth_type: ntlm\nntlm_domain: 'D\\u'\npassword: p").username, "D\\u");
  EXPECT_EQ(request("auth_type: ntlm\nntlm_domain: D\nusername: u\npassword: p").username, "D\\u");
  EXPECT_EQ(refusal("auth_type: digset"),
            "f.yaml:1:12: unknown auth_type \"digset\"; did you mean \"digest\"? one of basic, "
            "digest, ntlm, kerberos, aws");
  EXPECT_EQ(refusal("auth_type: aws\naws_region: x"),
            "f.yaml:1:12: auth_type aws is not supported; use basic, digest, ntlm, kerberos or "
            "auth_token");
  EXPECT_EQ(refusal("kerberos_auth: required"),
            "f.yaml:1:16: kerberos_auth: required is not supported; use optional");
  EXPECT_EQ(refusal("kerberos_keytab: /x"),
            "f.yaml:1:18: kerberos_keytab is not supported; set KRB5_CLIENT_KTNAME in the "
            "environment of heapwatch");
}

TEST(HttpOptions, ATokenComesFromAFileAndGoesIntoAHeader) {
  const auto token = request(
                         "auth_token: {reader: {type: file, path: /run/t, pattern: 'x=(.*)'}, "
                         "writer: {type: header, name: X-Auth, value: 'T <T>', placeholder: <T>}}")
                         .token;
  ASSERT_TRUE(token.has_value());
  EXPECT_EQ(token->path, "/run/t");
  EXPECT_EQ(token->pattern, "x=(.*)");
  EXPECT_EQ(token->header, "X-Auth");
  EXPECT_EQ(token->value, "T <T>");
  EXPECT_EQ(token->placeholder, "<T>");
  const auto plain =
      request("auth_token: {reader: {type: file, path: /t}, writer: {type: header, name: X-Auth}}");
  EXPECT_EQ(plain.token->value, "<TOKEN>");
}

TEST(HttpOptions, AWrongTokenIsRefused) {
  const std::string writer = ", writer: {type: header, name: X}}";
  EXPECT_EQ(refusal("auth_token: {reader: {type: oauth, url: u}" + writer),
            "f.yaml:1:29: auth_token -> reader -> type \"oauth\" is not supported; write the token "
            "to a file and use file");
  EXPECT_EQ(refusal("auth_token: {reader: {type: file, path: /t, pattern: 'a'}" + writer),
            "f.yaml:1:54: auth_token -> reader -> pattern must have exactly 1 group, not 0");
  EXPECT_EQ(refusal("auth_token: {reader: {type: file}" + writer),
            "f.yaml:1:22: auth_token -> reader -> path is missing; name the file of the token");
  EXPECT_EQ(refusal("auth_token: {reader: {type: file, path: /t}}"),
            "f.yaml:1:13: auth_token must have a reader and a writer");
}

TEST(HttpOptions, TlsFilesMayStandInTheHomeFolder) {
  const std::string home = config::process_environment("HOME").value_or("~");
  const auto tls = request(
                       "tls_ca_cert: ~/ca.pem\ntls_cert: /c\ntls_private_key: ~/k\n"
                       "tls_private_key_password: pw\ntls_ciphers: [A, B]\n"
                       "tls_validate_hostname: false\ntls_use_host_header: true")
                       .tls;
  EXPECT_EQ(tls.ca, home + "/ca.pem");
  EXPECT_EQ(tls.certificate, "/c");
  EXPECT_EQ(tls.private_key, home + "/k");
  EXPECT_EQ(tls.private_key_password, "pw");
  EXPECT_EQ(tls.ciphers, "A:B");
  EXPECT_FALSE(tls.verify_hostname);
  EXPECT_TRUE(tls.use_host_header);
  EXPECT_TRUE(tls.verify);
}

TEST(HttpOptions, OldNamesCountOnlyWithoutTheNew) {
  EXPECT_FALSE(request("ssl_verify: false").tls.verify);
  EXPECT_TRUE(request("ssl_verify: false\ntls_verify: true").tls.verify);
  EXPECT_EQ(request("ssl_certfile: /old\nssl_keyfile: /key").tls.private_key, "/key");
  EXPECT_EQ(request("ssl_certfile: /old\ntls_cert: /new").tls.certificate, "/new");
}

TEST(HttpOptions, AMisspelledBooleanDoesNotTurnVerificationOff) {
  EXPECT_EQ(refusal("tls_verify: ture"),
            "f.yaml:1:13: tls_verify must be true or false, not \"ture\"");
}

TEST(HttpOptions, OtherTextIsFalseForTheRest) {
  const auto outcome = read("allow_redirects: nope\npersist_connections: 'YES'");
  EXPECT_FALSE(outcome.request->follow_redirects);
  EXPECT_TRUE(outcome.request->keep_alive);
  EXPECT_THAT(outcome.said, ElementsAre("f.yaml:1:18: allow_redirects must be true or false, not "
                                        "\"nope\"; taken as false"));
}

TEST(HttpOptions, HeadersReplaceAndExtraHeadersAdd) {
  const auto replaced = request("headers: {X-A: 1, X-B: yes}");
  EXPECT_THAT(replaced.headers, ElementsAre(Pair("X-A", "1"), Pair("X-B", "yes")));
  EXPECT_FALSE(replaced.accept_encoding);
  const auto added = request("extra_headers: {accept: text/plain, X-C: c}");
  EXPECT_THAT(added.headers, ElementsAre(Pair("User-Agent", testing::_),
                                         Pair("accept", "text/plain"), Pair("X-C", "c")));
  EXPECT_TRUE(request("headers: {Accept-Encoding: gzip}").accept_encoding);
  EXPECT_FALSE(request("extra_headers: {Accept-Encoding: identity}").accept_encoding);
  EXPECT_EQ(refusal("headers: {X: \"secret\\r\\nEvil: 1\"}"),
            "f.yaml:1:10: headers -> X must be the name of a header with a value of one line");
}

TEST(HttpOptions, TheBodyLimitTakesUnits) {
  EXPECT_EQ(request("max_body_size: 1000").body_bytes_max, 1000U);
  EXPECT_EQ(request("max_body_size: 2MiB").body_bytes_max, 2U * 1024 * 1024);
  EXPECT_EQ(request("max_body_size: 1.5 kB").body_bytes_max, 1500U);
  EXPECT_EQ(refusal("max_body_size: 2GiB"),
            "f.yaml:1:16: max_body_size must be a number of bytes, such as 1048576 or 16MiB, up to "
            "1GiB, not \"2GiB\"");
}

TEST(HttpOptions, HarmlessOptionsAreAccepted) {
  EXPECT_TRUE(request("request_size: 16\nlog_requests: true\ntls_ignore_warning: true\n"
                      "tls_protocols_allowed: [TLSv1.2]")
                  .keep_alive);
}

}  // namespace
}  // namespace heapwatch::check::http
