#include "config/receiver_access.h"

#include <array>

#include "base/text.h"

namespace heapwatch::config {

/// The part of an http or https URL between the scheme and the path; empty when it is none, or has
/// credentials.
std::string_view authority_of(std::string_view url) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (url.size() > scheme.size() &&
        base::same_ignoring_case(url.substr(0, scheme.size()), scheme)) {
      const std::string_view rest = url.substr(scheme.size());
      const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
      const bool fits = authority.find_first_of("@ \t\r\n\\") == std::string_view::npos;
      return fits && base::is_one_line(url) ? authority : std::string_view();
    }
  }
  return {};
}

void read_receiver_url(Section& section, std::string_view key, std::string& url,
                       std::string& shown_as) {
  const auto text = section.text(key);
  if (!text) {
    return;
  }
  shown_as = shown_handle(*section.raw(key));
  url = *text;
  if (authority_of(url).empty()) {
    section.error(key, section.name_of(key) +
                           " must be an http or https URL without credentials in it, such as "
                           "https://prometheus:9090/api/v1/write, not " +
                           shown(*section.raw(key)));
  }
}

namespace {

void read_tls(Section& section, RemoteTlsConfig& tls) {
  auto nested = section.section("tls_config");
  if (!nested) {
    return;
  }
  assign(tls.ca_file, nested->text("ca_file"));
  assign(tls.cert_file, nested->text("cert_file"));
  assign(tls.key_file, nested->text("key_file"));
  assign(tls.server_name, nested->text("server_name"));
  assign(tls.insecure_skip_verify, nested->boolean("insecure_skip_verify"));
  static constexpr std::array<std::pair<std::string_view, bool>, 3> versions{
      {{"TLS10", true}, {"TLS11", true}, {"TLS12", true}}};
  (void)nested->one_of<bool>("min_version", versions);
  if (tls.cert_file.empty() != tls.key_file.empty()) {
    nested->error("", nested->name_of(tls.cert_file.empty() ? "cert_file" : "key_file") +
                          " is missing; a certificate and its key go together");
  }
  for (const std::string_view inline_form : {"ca", "cert", "key"}) {
    if (nested->raw(inline_form) != nullptr) {
      nested->error(inline_form, nested->name_of(inline_form) + " is not supported; use " +
                                     std::string(inline_form) + "_file");
    }
  }
  nested->finish();
}

void only_one(Section& section, std::string_view first, std::string_view second) {
  section.error(second, section.name_of(second) + " and " + std::string(first) +
                            " are two ways to say the same; remove one");
}

bool read_basic_auth(Section& section, ReceiverConfig& remote) {
  auto basic = section.section("basic_auth");
  if (!basic) {
    return false;
  }
  assign(remote.username, basic->text("username"));
  assign(remote.username_file, basic->text("username_file"));
  assign(remote.password, basic->text("password"));
  assign(remote.password_file, basic->text("password_file"));
  if (!remote.username.empty() && !remote.username_file.empty()) {
    only_one(*basic, "username", "username_file");
  }
  if (!remote.password.empty() && !remote.password_file.empty()) {
    only_one(*basic, "password", "password_file");
  }
  if (remote.username.empty() && remote.username_file.empty()) {
    basic->error("", basic->name_of("username") + " is missing");
  }
  basic->finish();
  return true;
}

bool read_authorization(Section& section, ReceiverConfig& remote) {
  assign(remote.credentials, section.text("bearer_token"));
  assign(remote.credentials_file, section.text("bearer_token_file"));
  bool is_there = !remote.credentials.empty() || !remote.credentials_file.empty();
  if (auto nested = section.section("authorization")) {
    is_there = true;
    assign(remote.authorization_type, nested->text("type"));
    assign(remote.credentials, nested->text("credentials"));
    assign(remote.credentials_file, nested->text("credentials_file"));
    const std::string type = base::ascii_lower(remote.authorization_type);
    if (type == "basic") {
      nested->error("type", nested->name_of("type") + " basic is not supported; use basic_auth");
    } else if (type.empty() || !base::is_one_line(type)) {
      nested->error("type", nested->name_of("type") + " must be one word, such as Bearer");
    }
    if (remote.credentials.empty() && remote.credentials_file.empty()) {
      nested->error("", nested->name_of("credentials") + " is missing, or credentials_file");
    }
    nested->finish();
  }
  if (!remote.credentials.empty() && !remote.credentials_file.empty()) {
    section.error("authorization", section.name_of("authorization") +
                                       " has credentials and a file of them; remove one");
  }
  if (!base::is_one_line(remote.credentials)) {
    section.error("authorization",
                  section.name_of("authorization") + " has credentials of several lines");
  }
  return is_there;
}

bool read_oauth2(Section& section, ReceiverConfig& remote) {
  auto nested = section.section("oauth2");
  if (!nested) {
    return false;
  }
  RemoteOAuth2Config& oauth2 = remote.oauth2.emplace();
  assign(oauth2.client_id, nested->text("client_id"));
  assign(oauth2.client_secret, nested->text("client_secret"));
  assign(oauth2.client_secret_file, nested->text("client_secret_file"));
  assign(oauth2.scopes, nested->texts("scopes"));
  read_receiver_url(*nested, "token_url", oauth2.token_url, oauth2.token_url_shown_as);
  assign(oauth2.endpoint_params, nested->text_map("endpoint_params"));
  read_tls(*nested, oauth2.tls);
  if (oauth2.client_id.empty()) {
    nested->error("", nested->name_of("client_id") + " is missing");
  }
  if (nested->raw("token_url") == nullptr) {
    nested->error("", nested->name_of("token_url") + " is missing");
  }
  if (oauth2.client_secret.empty() == oauth2.client_secret_file.empty()) {
    nested->error("",
                  nested->name_of("client_secret") +
                      (oauth2.client_secret.empty()
                           ? " is missing, or client_secret_file"
                           : " and client_secret_file are two ways to say the same; remove one"));
  }
  nested->finish();
  return true;
}

}  // namespace

void read_who_asks(Section& section, ReceiverConfig& remote) {
  const bool basic = read_basic_auth(section, remote);
  const bool authorization = read_authorization(section, remote);
  const bool oauth2 = read_oauth2(section, remote);
  if ((basic ? 1 : 0) + (authorization ? 1 : 0) + (oauth2 ? 1 : 0) > 1) {
    section.error("", section.name_of("basic_auth") +
                          ", authorization and oauth2 exclude each other; keep one");
  }
  read_tls(section, remote.tls);
}

}  // namespace heapwatch::config
