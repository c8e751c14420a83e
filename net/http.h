// An HTTP exchange as data: what to ask, and what came back.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace heapwatch::net {

using Headers = std::vector<std::pair<std::string, std::string>>;

enum class HttpAuth : std::uint8_t { none, basic, digest, ntlm, kerberos };

/// A header whose value is read from a file, and read again after a request the server refused
/// (401, 403).
struct TokenFile {
  std::string path{};
  std::string pattern{};  // RE2 with exactly one group; empty: the whole file, trimmed
  std::string header = "Authorization";
  std::string value = "Bearer <TOKEN>";
  std::string placeholder = "<TOKEN>";

  friend bool operator==(const TokenFile&, const TokenFile&) = default;
};

struct TlsOptions {
  bool verify = true;
  bool verify_hostname = true;
  std::string ca;  // a file, or a folder in c_rehash form; empty: the system's
  std::string certificate;
  std::string private_key;
  std::string private_key_password;
  std::string ciphers;           // OpenSSL's list; empty: the library's
  bool use_host_header = false;  // SNI and the certificate's name come from the Host header

  friend bool operator==(const TlsOptions&, const TlsOptions&) = default;
};

struct ProxyOptions {
  std::string http;   // proxy for http:// targets: http://, https://, socks5:// or socks5h:// with
                      // optional user
  std::string https;  // proxy for https:// targets
  std::vector<std::string> no_proxy;  // see bypasses_proxy()
  // What messages call them, and no word more of them; empty: their URLs.
  std::string http_shown_as = {};
  std::string https_shown_as = {};

  friend bool operator==(const ProxyOptions&, const ProxyOptions&) = default;
};

/// Everything about a request; made once per target and used for each of its runs.
struct HttpRequest {
  std::string url;          // absolute, http or https, without userinfo
  std::string shown_as;     // what messages call it, and no word more of it; empty: the URL
  std::string unix_socket;  // connect here instead; proxies do not apply
  std::string method = "GET";
  std::string body;
  Headers headers;              // exactly these are sent, besides Host and what the transport needs
  bool accept_encoding = true;  // offer gzip and deflate, and decode them

  HttpAuth auth = HttpAuth::none;
  std::string username;
  std::string password;
  std::optional<TokenFile> token;
  TlsOptions tls;
  ProxyOptions proxy;

  // A timeout of zero is none.
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds read_timeout{10'000};   // without a byte from the other side
  std::chrono::milliseconds total_timeout{60'000};  // for all of it
  /// Only to http and https. Another host gets no credentials: of `headers` it sees Accept,
  /// Accept-* and User-Agent, and no client certificate.
  bool follow_redirects = true;
  int redirects_max = 30;
  bool keep_alive = true;
  std::size_t body_bytes_max = std::size_t{16} * 1024 * 1024;  // after decoding

  friend bool operator==(const HttpRequest&, const HttpRequest&) = default;
};
using HttpRequestPtr = std::shared_ptr<const HttpRequest>;

/// Shortens a long body while it arrives, for whoever needs little of it.
class BodyFilter {
 public:
  BodyFilter() = default;
  BodyFilter(const BodyFilter&) = delete;
  BodyFilter& operator=(const BodyFilter&) = delete;
  virtual ~BodyFilter() = default;

  /// A body begins; another one may have begun before it.
  virtual void begin() = 0;
  /// Appends to `kept` what there is to keep of the next bytes.
  virtual void take(std::string_view bytes, std::string& kept) = 0;
};
using BodyFilterPtr = std::shared_ptr<BodyFilter>;

struct HttpResponse {
  int status = 0;
  std::string body;
  std::size_t body_bytes = 0;  // as they came, decoded
  bool filtered = false;       // `body` is what a filter kept
  Headers headers;  // names in lower case; of the last answer when redirects were followed
  std::chrono::nanoseconds duration{0};
};

/// Any status is a response. Errors: unreachable, timeout, refused (TLS, or a proxy that says no),
/// limit (body_bytes_max, redirects_max), invalid (URL, encoding, files named in the request).
/// Messages name the URL without userinfo and query, or `shown_as`, and carry no credentials.
using HttpResult = base::Result<HttpResponse>;

/// Blocking; connections are not kept. Threads: any.
[[nodiscard]] HttpResult fetch(const HttpRequest& request, BodyFilterPtr filter = nullptr);

/// `host` (a name or an address) needs no proxy: `*` matches all; an address or CIDR range matches
/// addresses; `foo.com` itself and below; `.y.com` or `*.y.com` below only. An entry may end in
/// `:PORT`, which must then be `port`.
[[nodiscard]] bool bypasses_proxy(std::string_view host, std::uint16_t port,
                                  const std::vector<std::string>& no_proxy);

/// `404 Not Found` for 404; `599` for a status without a name.
[[nodiscard]] std::string status_text(int status);

}  // namespace heapwatch::net
