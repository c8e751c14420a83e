#include "config/web_config.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace heapwatch::config {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr const char* hash = "$2y$10$abcdefghijklmnopqrstuuKGzmAbCdEfGhIjKlMnOpQrStUvWxYz0";

class WebConfigTest : public testing::Test {
 protected:
  WebConfigTest() { std::filesystem::create_directories(folder_); }
  WebConfigTest(const WebConfigTest&) = delete;
  WebConfigTest& operator=(const WebConfigTest&) = delete;
  ~WebConfigTest() override { std::filesystem::remove_all(folder_); }

  base::Result<WebConfig> load(const std::string& text) {
    std::ofstream(folder_ / "web.yml") << text;
    return load_web_config(folder_ / "web.yml");
  }
  /// What is wrong, without the folder.
  std::string said(const std::string& text) {
    const auto loaded = load(text);
    if (loaded) {
      return "";
    }
    std::string message = loaded.error().message;
    const std::string name = (folder_ / "").string();
    for (std::size_t at = message.find(name); at != std::string::npos; at = message.find(name)) {
      message.erase(at, name.size());
    }
    return message;
  }

  std::filesystem::path folder_ = testing::TempDir() + "web_config_" + std::to_string(getpid());
};

TEST_F(WebConfigTest, ReadsWhatPrometheusReads) {
  const auto web = load(
      "tls_server_config:\n  cert_file: server.crt\n  key_file: /keys/server.key\n"
      "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"
      "  client_allowed_sans: [scraper]\n  min_version: TLS13\n"
      "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n"
      "  prefer_server_cipher_suites: false\n  curve_preferences: [X25519]\n"
      "http_server_config:\n  http2: true\n  headers: {X-Frame-Options: deny}\n"
      "rate_limit: {interval: 1s}\n"
      "basic_auth_users: {ada: " +
      std::string(hash) + "}\n");
  ASSERT_TRUE(web) << web.error().message;
  EXPECT_TRUE(web->has_tls);
  EXPECT_EQ(web->cert_file, (folder_ / "server.crt").string());
  EXPECT_EQ(web->key_file, "/keys/server.key");
  EXPECT_EQ(web->client_ca_file, (folder_ / "ca.crt").string());
  EXPECT_EQ(web->client_auth_type, "RequireAndVerifyClientCert");
  EXPECT_THAT(web->client_allowed_sans, ElementsAre("scraper"));
  EXPECT_EQ(web->min_version, "TLS13");
  EXPECT_THAT(web->cipher_suites, ElementsAre("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"));
  EXPECT_THAT(web->curve_preferences, ElementsAre("X25519"));
  EXPECT_FALSE(web->prefer_server_cipher_suites);
  EXPECT_THAT(web->headers, ElementsAre(Pair("X-Frame-Options", "deny")));
  EXPECT_THAT(web->users, ElementsAre(Pair("ada", hash)));
}

TEST_F(WebConfigTest, WithoutAnythingAsksForNothing) {
  const auto web = load("");
  ASSERT_TRUE(web);
  EXPECT_FALSE(web->has_tls);
  EXPECT_TRUE(web->users.empty());
}

TEST_F(WebConfigTest, TellsWhatIsWrongAndWhereAndNoSecret) {
  EXPECT_EQ(said("basic_auth_users:\n  ada: hunter2\n"),
            "web.yml:2:3: basic_auth_users -> ada is not a bcrypt hash; htpasswd -nBC 10 NAME "
            "makes one");
  EXPECT_EQ(said("basic_auth_user: {}\n"),
            "web.yml:1:1: unknown key \"basic_auth_user\"; did you mean \"basic_auth_users\"?");
  EXPECT_EQ(said("tls_server_config: {key_file: k}\n"),
            "web.yml:1:20: tls_server_config -> cert_file is missing");
  EXPECT_EQ(said("tls_server_config: {cert: x, cert_file: y, key_file: k}\n"),
            "web.yml:1:27: tls_server_config -> cert and cert_file are both there; one is enough");
  EXPECT_THAT(said("tls_server_config: {cert_file: c, key_file: k, min_version: TLS14}\n"),
              testing::HasSubstr("web.yml:1:61: "));
  EXPECT_THAT(said("basic_auth_users: {'a:b': " + std::string(hash) + "}\n"),
              testing::HasSubstr("a name is empty or has a colon"));
}

TEST_F(WebConfigTest, AFileThatIsNotThereIsAnError) {
  EXPECT_EQ(load_web_config(folder_ / "nowhere.yml").error().kind, base::ErrorKind::not_found);
}

}  // namespace
}  // namespace heapwatch::config
