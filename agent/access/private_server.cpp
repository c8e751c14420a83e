#include "agent/access/private_server.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "agent/access/web_access.h"
#include "base/text.h"
#include "net/listen_address.h"
#include "net/server_access.h"

namespace heapwatch::agent::access {

namespace {

constexpr std::string_view unix_prefix = "unix:";

/// Of pages that say nothing by themselves.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> safe_headers{{
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
}};

net::ServerReply made_safe(net::ServerReply reply) {
  for (const auto& [name, value] : safe_headers) {
    const bool is_said = std::any_of(reply.headers.begin(), reply.headers.end(),
                                     [&, key = name](const auto& header) {
                                       return base::same_ignoring_case(header.first, key);
                                     });
    if (!is_said) {
      reply.headers.emplace_back(name, value);
    }
  }
  return reply;
}

/// Whether other machines may reach what listens there. What cannot be read is left to the server,
/// which says why.
bool is_open_to_others(const std::string& listen) {
  if (listen.starts_with(unix_prefix)) {
    return false;
  }
  const auto address = net::parse_listen_address(listen);
  return address && !address->is_loopback();
}

/// Null: nobody is asked.
base::Result<std::shared_ptr<const net::ServerAccess>> access_to(const std::string& listen,
                                                                 const std::string& web_config) {
  std::shared_ptr<const net::ServerAccess> access;
  if (!web_config.empty()) {
    auto rules = load_access(web_config);
    if (!rules) {
      return tl::unexpected(rules.error());
    }
    access = std::make_shared<const net::ServerAccess>(*std::move(rules));
  }
  if (is_open_to_others(listen) && !(access && access->is_guarded())) {
    return base::fail(base::ErrorKind::invalid,
                      "other machines reach " + listen +
                          ", and these pages show profiles and names of processes: listen on "
                          "localhost, or name a file that asks for TLS and for a password or a "
                          "certificate (web-config)");
  }
  return access;
}

}  // namespace

base::Result<void> may_serve(const std::string& listen, const std::string& web_config) {
  return access_to(listen, web_config).map([](const auto&) {});
}

std::string PrivateServer::url(const std::string& listen) const {
  if (listen.starts_with(unix_prefix) || server == nullptr) {
    return {};
  }
  const std::string host = listen.substr(0, listen.rfind(':'));
  return std::string(speaks_tls ? "https://" : "http://") + (host.empty() ? "localhost" : host) +
         ':' + std::to_string(server->port());
}

base::Result<PrivateServer> start_private_server(const net::ServerOptions& options,
                                                 net::ServerHandler handler,
                                                 const std::string& web_config) {
  const auto access = access_to(options.listen, web_config);
  if (!access) {
    return tl::unexpected(access.error());
  }
  const bool speaks_tls = *access && (*access)->rules().tls;
  auto server = net::HttpServer::start(
      options,
      [handler = std::move(handler)](const net::ServerRequest& request) {
        return made_safe(handler(request));
      },
      {.access = *access, .tells_secrets = [](const net::ServerRequest&) { return true; }});
  if (!server) {
    return tl::unexpected(server.error());
  }
  return PrivateServer{.server = *std::move(server), .speaks_tls = speaks_tls};
}

}  // namespace heapwatch::agent::access
