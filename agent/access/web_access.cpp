#include "agent/access/web_access.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "config/web_config.h"

namespace heapwatch::agent::access {

namespace {

/// What a word that is known stands for.
template <typename Words>
auto value_of(const Words& words, std::string_view word) {
  return std::find_if(words.begin(), words.end(),
                      [&](const auto& one) { return one.first == word; })
      ->second;
}

net::ServerTlsOptions tls_options(config::WebConfig& web) {
  return {.certificate_file = std::move(web.cert_file),
          .certificate = std::move(web.cert),
          .key_file = std::move(web.key_file),
          .key = std::move(web.key),
          .client_authorities_file = std::move(web.client_ca_file),
          .client_authorities = std::move(web.client_ca),
          .client_certificate = value_of(net::words_of_client_certificate, web.client_auth_type),
          .client_names = std::move(web.client_allowed_sans),
          .version_min = value_of(net::words_of_tls_version, web.min_version),
          .version_max = value_of(net::words_of_tls_version, web.max_version),
          .cipher_suites = std::move(web.cipher_suites),
          .curves = std::move(web.curve_preferences),
          .prefers_own_ciphers = web.prefer_server_cipher_suites};
}

}  // namespace

base::Result<net::ServerAccess::Rules> load_access(const std::filesystem::path& file) {
  base::Result<config::WebConfig> web = config::load_web_config(file);
  if (!web) {
    return tl::unexpected(web.error());
  }
  net::ServerAccess::Rules rules{.headers = std::move(web->headers)};
  if (!web->users.empty()) {
    rules.users = std::make_shared<const net::ServerUsers>(std::move(web->users));
  }
  if (web->has_tls) {
    auto tls = net::TlsContext::create(tls_options(*web));
    if (!tls) {
      return base::fail(tls.error().kind, file.string() + ": " + tls.error().message);
    }
    rules.tls = std::move(*tls);
  }
  return rules;
}

}  // namespace heapwatch::agent::access
