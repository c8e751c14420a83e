#include "agent/wiring/receiver_options.h"

#include <string>
#include <string_view>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "net/target.h"

namespace heapwatch::agent::wiring {

namespace {

using config::ReceiverConfig;
using exporters::push::ReceiverOptions;

net::TlsOptions tls_options(const config::RemoteTlsConfig& tls) {
  return {.verify = !tls.insecure_skip_verify,
          .verify_hostname = !tls.insecure_skip_verify,
          .ca = tls.ca_file,
          .certificate = tls.cert_file,
          .private_key = tls.key_file,
          .use_host_header = !tls.server_name.empty()};
}

net::ProxyOptions proxy_options(const config::AgentConfig& agent, const ReceiverConfig& remote) {
  if (remote.proxy_url.empty()) {
    return {.http = agent.proxy.http,
            .https = agent.proxy.https,
            .no_proxy = agent.proxy.no_proxy,
            .http_shown_as = agent.proxy.http_shown_as,
            .https_shown_as = agent.proxy.https_shown_as};
  }
  const std::string proxy = net::with_scheme(remote.proxy_url);
  return {.http = proxy,
          .https = proxy,
          .no_proxy = remote.no_proxy,
          .http_shown_as = remote.proxy_shown_as,
          .https_shown_as = remote.proxy_shown_as};
}

/// What the requests for a token and for samples have in common.
net::HttpRequest request_to(const std::string& url, const std::string& shown_as,
                            const config::RemoteTlsConfig& tls, const config::AgentConfig& agent,
                            const ReceiverConfig& remote) {
  net::HttpRequest request;
  request.url = url;
  request.shown_as = shown_as;
  request.method = "POST";
  request.headers.emplace_back("User-Agent", "heapwatch/" HEAPWATCH_VERSION);
  request.tls = tls_options(tls);
  if (!tls.server_name.empty()) {
    request.headers.emplace_back("Host", tls.server_name);
  }
  request.proxy = proxy_options(agent, remote);
  request.connect_timeout = remote.remote_timeout;
  request.read_timeout = remote.remote_timeout;
  request.total_timeout = remote.remote_timeout;
  request.follow_redirects = remote.follow_redirects;
  return request;
}

void set_credentials(const ReceiverConfig& remote, ReceiverOptions& endpoint) {
  net::HttpRequest& request = endpoint.request;
  if (!remote.username.empty() || !remote.username_file.empty()) {
    request.auth = net::HttpAuth::basic;
    request.username = remote.username;
    request.password = remote.password;
    endpoint.username_file = remote.username_file;
    endpoint.password_file = remote.password_file;
  } else if (!remote.credentials_file.empty()) {
    request.token = net::TokenFile{.path = remote.credentials_file,
                                   .value = remote.authorization_type + " <TOKEN>"};
  } else if (!remote.credentials.empty()) {
    request.headers.emplace_back("Authorization",
                                 remote.authorization_type + " " + remote.credentials);
  }
}

/// A name that another name does not have, whatever characters they hold.
std::string folder_name(const std::string& name) {
  std::string folder;
  for (const char c : name.substr(0, 64)) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    folder += is_plain ? c : '_';
  }
  constexpr unsigned digits = 8;
  folder += '-';
  base::append_hex(folder, base::fnv1a(name), digits);
  return folder;
}

base::Result<void> check_url(const std::string& whose, const std::string& url,
                             const std::string& shown_as) {
  if (const auto authority = net::parse_authority(url); !authority) {
    return base::fail(
        base::ErrorKind::invalid,
        whose + ": " +
            (shown_as.empty() ? authority.error().message : shown_as + " is no http or https URL"));
  }
  return {};
}

}  // namespace

std::string shown_address(const ReceiverOptions& receiver) {
  const net::HttpRequest& request = receiver.request;
  return request.shown_as.empty() ? net::shown_url(request.url) : request.shown_as;
}

base::Result<ReceiverOptions> receiver_options(std::string_view protocol, std::string_view folder,
                                               const config::AgentConfig& agent,
                                               const ReceiverConfig& remote) {
  const std::string whose = std::string(protocol) + ' ' + remote.name;
  if (auto checked = check_url(whose, remote.url, remote.url_shown_as); !checked) {
    return tl::unexpected(checked.error());
  }
  ReceiverOptions receiver{
      .name = remote.name,
      .request = request_to(remote.url, remote.url_shown_as, remote.tls, agent, remote),
      .lanes = remote.max_shards,
      .samples_max = remote.max_samples_per_send,
      .deadline = remote.batch_send_deadline,
      .min_backoff = remote.min_backoff,
      .max_backoff = remote.max_backoff,
      .sample_age_limit = remote.sample_age_limit,
      .retry_on_429 = remote.retry_on_http_429,
      .memory_bytes_max = static_cast<std::size_t>(remote.memory_max_size),
      .disk_bytes_max = remote.disk_max_size,
  };
  net::Headers& headers = receiver.request.headers;
  headers.insert(headers.end(), remote.headers.begin(), remote.headers.end());
  set_credentials(remote, receiver);
  if (remote.oauth2) {
    const config::RemoteOAuth2Config& oauth2 = *remote.oauth2;
    if (auto checked =
            check_url(whose + ": token_url", oauth2.token_url, oauth2.token_url_shown_as);
        !checked) {
      return tl::unexpected(checked.error());
    }
    receiver.oauth2 = exporters::push::OAuth2Options{
        .request =
            request_to(oauth2.token_url, oauth2.token_url_shown_as, oauth2.tls, agent, remote),
        .client_id = oauth2.client_id,
        .client_secret = oauth2.client_secret,
        .client_secret_file = oauth2.client_secret_file,
        .scopes = oauth2.scopes,
        .endpoint_params = oauth2.endpoint_params};
  }
  if (remote.disk_max_size > 0) {
    receiver.disk_is_wanted = !remote.disk_path.empty();
    receiver.disk_folder = receiver.disk_is_wanted
                               ? remote.disk_path
                               : agent.run_path / folder / folder_name(remote.name);
  }
  return receiver;
}

}  // namespace heapwatch::agent::wiring
