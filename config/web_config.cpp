#include "config/web_config.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/file.h"
#include "config/section.h"
#include "config/value.h"

namespace heapwatch::config {

namespace {

constexpr std::size_t file_bytes_max = std::size_t{1} << 20U;
constexpr std::size_t users_max = 1000;
constexpr std::size_t bcrypt_bytes = 60;

using Word = std::pair<std::string_view, std::string_view>;
constexpr std::array<Word, 6> client_auth_types{
    {{"NoClientCert", "NoClientCert"},
     {"RequestClientCert", "RequestClientCert"},
     {"RequireAnyClientCert", "RequireAnyClientCert"},
     {"RequireClientCert", "RequireClientCert"},
     {"VerifyClientCertIfGiven", "VerifyClientCertIfGiven"},
     {"RequireAndVerifyClientCert", "RequireAndVerifyClientCert"}}};
constexpr std::array<Word, 4> versions{
    {{"TLS10", "TLS10"}, {"TLS11", "TLS11"}, {"TLS12", "TLS12"}, {"TLS13", "TLS13"}}};
constexpr std::array<std::string_view, 5> known_headers{
    "Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options", "X-XSS-Protection",
    "Strict-Transport-Security"};

void set(std::string& to, std::optional<std::string> value) {
  if (value) {
    to = *std::move(value);
  }
}

/// A path beside the file that names it.
void set_path(std::string& to, std::optional<std::string> value,
              const std::filesystem::path& folder) {
  if (value && !value->empty()) {
    to = (folder / *value).string();
  }
}

void set_word(std::string& to, std::optional<std::string_view> word) {
  if (word) {
    to = *word;
  }
}

void only_one(Section& section, const std::string& file, const std::string& text,
              std::string_view key, bool is_wanted) {
  const std::string file_key = std::string(key) + "_file";
  if (!file.empty() && !text.empty()) {
    section.error(key,
                  section.name_of(key) + " and " + file_key + " are both there; one is enough");
  } else if (is_wanted && file.empty() && text.empty()) {
    section.error(file_key, section.name_of(file_key) + " is missing");
  }
}

void read_tls(Section& section, const std::filesystem::path& folder, WebConfig& config) {
  config.has_tls = true;
  set_path(config.cert_file, section.text("cert_file"), folder);
  set(config.cert, section.text("cert"));
  set_path(config.key_file, section.text("key_file"), folder);
  set(config.key, section.text("key"));
  set_path(config.client_ca_file, section.text("client_ca_file"), folder);
  set(config.client_ca, section.text("client_ca"));
  set_word(config.client_auth_type,
           section.one_of<std::string_view>("client_auth_type", client_auth_types));
  config.client_allowed_sans =
      section.texts("client_allowed_sans").value_or(std::vector<std::string>());
  set_word(config.min_version, section.one_of<std::string_view>("min_version", versions));
  set_word(config.max_version, section.one_of<std::string_view>("max_version", versions));
  config.cipher_suites = section.texts("cipher_suites").value_or(std::vector<std::string>());
  config.curve_preferences =
      section.texts("curve_preferences").value_or(std::vector<std::string>());
  config.prefer_server_cipher_suites =
      section.boolean("prefer_server_cipher_suites").value_or(true);
  only_one(section, config.cert_file, config.cert, "cert", true);
  only_one(section, config.key_file, config.key, "key", true);
  only_one(section, config.client_ca_file, config.client_ca, "client_ca", false);
  section.finish();
}

void read_http(Section& section, WebConfig& config) {
  (void)section.boolean("http2");  // HTTP/1.1 is spoken, whatever it says
  if (auto headers = section.section("headers")) {
    for (const std::string_view name : known_headers) {
      if (const auto value = headers->text(name)) {
        if (value->find_first_of("\r\n") != std::string::npos) {
          headers->error(name, headers->name_of(name) + " has a line break");
        }
        config.headers.emplace_back(name, *value);
      }
    }
    headers->finish();
  }
  section.finish();
}

bool is_bcrypt(std::string_view hash) {
  return hash.size() == bcrypt_bytes &&
         (hash.starts_with("$2a$") || hash.starts_with("$2b$") || hash.starts_with("$2y$"));
}

void read_users(Section& top, WebConfig& config) {
  constexpr std::string_view key = "basic_auth_users";
  const auto users = top.text_map(key);
  if (!users) {
    return;
  }
  if (users->size() > users_max) {
    top.error(key, std::string(key) + " has more than " + std::to_string(users_max) + " users");
    return;
  }
  for (const auto& [name, hash] : *users) {
    if (name.empty() || name.find(':') != std::string::npos) {
      top.error(key, std::string(key) + ": a name is empty or has a colon");
    } else if (!is_bcrypt(hash)) {
      top.error(key, std::string(key) + " -> " + name +
                         " is not a bcrypt hash; htpasswd -nBC 10 NAME makes one");
    } else {
      config.users[name] = hash;
    }
  }
}

}  // namespace

std::filesystem::path web_config_file(const AgentConfig& config) {
  const Value* const web = config.settings.find("web");
  const Value* const file = web == nullptr ? nullptr : web->find("config_file");
  return file == nullptr ? "" : file->text;
}

base::Result<WebConfig> load_web_config(const std::filesystem::path& file) {
  const auto text = base::read_file(file, file_bytes_max);
  if (!text) {
    return tl::unexpected(text.error());
  }
  Diagnostics diagnostics;
  const std::string name = file.string();
  const Value root = parse_yaml(*text, name, diagnostics);
  WebConfig config;
  Section top(root, name, diagnostics);
  if (auto tls = top.section("tls_server_config")) {
    read_tls(*tls, file.parent_path(), config);
  }
  if (auto http = top.section("http_server_config")) {
    read_http(*http, config);
  }
  read_users(top, config);
  top.ignore(std::array<std::string_view, 1>{"rate_limit"});
  top.finish();
  std::string wrong;
  for (const Diagnostic& diagnostic : diagnostics.all()) {
    // A key with a slip of the pen may be the one that was to keep strangers out.
    wrong += (wrong.empty() ? "" : "\n") + to_text(diagnostic);
  }
  if (!wrong.empty()) {
    return base::fail(base::ErrorKind::invalid, wrong);
  }
  return config;
}

}  // namespace heapwatch::config
