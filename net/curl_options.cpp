#include "net/curl_options.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/owned_descriptors.h"
#include "base/text.h"

namespace heapwatch::net {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

/// How long a CA file that was read serves further connections of a loop.
constexpr long ca_cache_seconds = 300;

/// Sets options and remembers the first that curl did not take.
class Options {
 public:
  explicit Options(CURL* easy) : easy_(easy) {}

  void flag(CURLoption option, bool value) { number(option, value ? 1L : 0L); }
  void number(CURLoption option, long value) { keep(curl_easy_setopt(easy_, option, value)); }
  void large(CURLoption option, curl_off_t value) { keep(curl_easy_setopt(easy_, option, value)); }
  void pointer(CURLoption option, const void* value) {
    keep(curl_easy_setopt(easy_, option, value));
  }
  template <typename Function>
  void function(CURLoption option, Function* value) {
    keep(curl_easy_setopt(easy_, option, value));
  }
  void text(CURLoption option, const std::string& value) {
    keep(curl_easy_setopt(easy_, option, value.c_str()));
  }
  void text_unless_empty(CURLoption option, const std::string& value) {
    if (!value.empty()) {
      text(option, value);
    }
  }
  [[nodiscard]] CURLcode failure() const { return failure_; }

 private:
  void keep(CURLcode code) {
    if (failure_ == CURLE_OK) {
      failure_ = code;
    }
  }

  CURL* easy_;
  CURLcode failure_ = CURLE_OK;
};

bool sends_body(const HttpRequest& request, const Hop& hop) {
  return !hop.without_body && (!request.body.empty() || request.method == "POST" ||
                               request.method == "PUT" || request.method == "PATCH");
}

Result<void> set_method(Options& options, const HttpRequest& request, const Hop& hop) {
  if (!is_http_token(request.method)) {
    return fail(ErrorKind::invalid, "the method \"" + request.method + "\" is not one");
  }
  if (request.method == "HEAD") {
    options.flag(CURLOPT_NOBODY, true);
    return {};
  }
  if (sends_body(request, hop)) {
    options.large(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    options.pointer(CURLOPT_POSTFIELDS, request.body.data());
  } else {
    options.flag(CURLOPT_HTTPGET, true);
  }
  const std::string method = hop.without_body ? "GET" : request.method;
  if (method != (sends_body(request, hop) ? "POST" : "GET")) {
    options.text(CURLOPT_CUSTOMREQUEST, method);
  }
  return {};
}

bool curl_has(int feature) {
  return (static_cast<unsigned>(curl_version_info(CURLVERSION_NOW)->features) &
          static_cast<unsigned>(feature)) != 0;
}

Result<void> set_auth(Options& options, const HttpRequest& request) {
  unsigned long method = 0;
  switch (request.auth) {
    case HttpAuth::none:
      return {};
    case HttpAuth::basic:
      method = CURLAUTH_BASIC;
      break;
    case HttpAuth::digest:
      method = CURLAUTH_DIGEST;
      break;
    case HttpAuth::ntlm:
      if (!curl_has(CURL_VERSION_NTLM)) {
        return fail(ErrorKind::invalid, "auth_type: ntlm: this libcurl is built without NTLM");
      }
      method = CURLAUTH_NTLM;
      break;
    case HttpAuth::kerberos:
      if (!curl_has(CURL_VERSION_SPNEGO)) {
        return fail(ErrorKind::invalid,
                    "auth_type: kerberos: this libcurl is built without GSS-API");
      }
      method = CURLAUTH_NEGOTIATE;
      break;
  }
  options.number(CURLOPT_HTTPAUTH, static_cast<long>(method));
  // An empty user makes curl start Negotiate with the credentials of the system's ticket cache.
  options.text(CURLOPT_USERNAME, request.username);
  options.text(CURLOPT_PASSWORD, request.password);
  return {};
}

Result<void> check_file(const char* option, const std::string& path, struct stat& status) {
  if (path.find('\n') != std::string::npos) {  // a key itself, which nobody may read in an error
    return fail(ErrorKind::invalid,
                std::string(option) + " holds several lines; it must be the path of a file");
  }
  if (!path.empty() && stat(path.c_str(), &status) != 0) {
    return fail(ErrorKind::invalid,
                std::string(option) + ": " + path + ": " + std::strerror(errno));
  }
  return {};
}

void set_ciphers(Options& options, const std::string& ciphers) {
  std::string up_to_1_2;
  std::string from_1_3;
  for (std::size_t begin = 0; begin < ciphers.size();) {
    const std::size_t end = std::min(ciphers.find_first_of(":, ", begin), ciphers.size());
    if (end > begin) {
      std::string& list = ciphers.compare(begin, 4, "TLS_") == 0 ? from_1_3 : up_to_1_2;
      list += (list.empty() ? "" : ":") + ciphers.substr(begin, end - begin);
    }
    begin = end + 1;
  }
  options.text_unless_empty(CURLOPT_SSL_CIPHER_LIST, up_to_1_2);
  options.text_unless_empty(CURLOPT_TLS13_CIPHERS, from_1_3);
}

Result<void> set_ca(Options& options, const std::string& path) {
  if (path.empty()) {
    return {};
  }
  struct stat status {};
  if (auto checked = check_file("tls_ca_cert", path, status); !checked) {
    return checked;
  }
  // The other place is cleared, so that the system's authorities are not trusted besides.
  const bool is_folder = S_ISDIR(status.st_mode);
  for (const CURLoption file : {CURLOPT_CAINFO, CURLOPT_PROXY_CAINFO}) {
    options.pointer(file, is_folder ? nullptr : path.c_str());
  }
  for (const CURLoption folder : {CURLOPT_CAPATH, CURLOPT_PROXY_CAPATH}) {
    options.pointer(folder, is_folder ? path.c_str() : nullptr);
  }
  return {};
}

Result<void> set_tls(Options& options, const TlsOptions& tls, bool trusted) {
  const long verify_host = tls.verify && tls.verify_hostname ? 2L : 0L;
  options.flag(CURLOPT_SSL_VERIFYPEER, tls.verify);
  options.number(CURLOPT_SSL_VERIFYHOST, verify_host);
  options.flag(CURLOPT_PROXY_SSL_VERIFYPEER, tls.verify);
  options.number(CURLOPT_PROXY_SSL_VERIFYHOST, verify_host);
  options.number(CURLOPT_CA_CACHE_TIMEOUT, ca_cache_seconds);
  if (auto set = set_ca(options, tls.ca); !set) {
    return set;
  }
  set_ciphers(options, tls.ciphers);
  if (!trusted || tls.certificate.empty()) {
    return {};
  }
  struct stat status {};
  if (auto checked = check_file("tls_cert", tls.certificate, status); !checked) {
    return checked;
  }
  if (auto checked = check_file("tls_private_key", tls.private_key, status); !checked) {
    return checked;
  }
  options.text(CURLOPT_SSLCERT, tls.certificate);
  options.text_unless_empty(CURLOPT_SSLKEY, tls.private_key);
  options.text_unless_empty(CURLOPT_KEYPASSWD, tls.private_key_password);
  return {};
}

/// Sets the proxy always: curl would take what is not set from the environment.
Result<void> set_proxy(Options& options, const HttpRequest& request, const Hop& hop) {
  options.text(CURLOPT_NOPROXY, "");
  const std::string& proxy = proxy_of(request, hop);
  options.text(CURLOPT_PROXY, proxy);
  if (proxy.empty()) {
    return {};
  }
  constexpr auto schemes =
      std::to_array<std::string_view>({"http", "https", "socks4", "socks4a", "socks5", "socks5h"});
  const std::size_t end = proxy.find("://");
  const std::string scheme = end == std::string::npos ? "http" : proxy.substr(0, end);
  if (std::none_of(schemes.begin(), schemes.end(), [&](std::string_view known) {
        return base::same_ignoring_case(scheme, known);
      })) {
    return fail(ErrorKind::invalid,
                "proxy: \"" + shown_proxy(request, hop) +
                    "\" is not one of http://, https://, socks5://, socks5h://");
  }
  options.flag(CURLOPT_SUPPRESS_CONNECT_HEADERS, true);
  return {};
}

/// The address may be a unix socket, or differ from the name that TLS and the Host header speak of.
Result<void> set_address(Options& options, const HttpRequest& request, const Hop& hop,
                         CurlList& connect_to) {
  const bool local = !request.unix_socket.empty() && hop.trusted;
  if (local) {
    constexpr std::size_t path_bytes_max = sizeof(sockaddr_un::sun_path) - 1;
    if (request.unix_socket.size() > path_bytes_max) {
      return fail(ErrorKind::invalid,
                  "the path of the unix socket has " + std::to_string(request.unix_socket.size()) +
                      " bytes; the system takes " + std::to_string(path_bytes_max));
    }
    options.text(CURLOPT_UNIX_SOCKET_PATH, request.unix_socket);
  }
  const std::string* const name = find_header(request.headers, "Host");
  if (!request.tls.use_host_header || !hop.target.tls || !hop.trusted || name == nullptr) {
    options.text(CURLOPT_URL, hop.url);
    return {};
  }
  auto url = with_host(hop.url, *name);
  if (!url) {
    return tl::unexpected(url.error());
  }
  options.text(CURLOPT_URL, *url);
  if (!local) {
    const std::string there =
        "::" + bracketed(hop.target.host) + ":" + std::to_string(hop.target.port);
    connect_to.reset(curl_slist_append(nullptr, there.c_str()));
    options.pointer(CURLOPT_CONNECT_TO, connect_to.get());
  }
  return {};
}

curl_socket_t open_socket(void* /*user*/, curlsocktype /*purpose*/, curl_sockaddr* address) {
  return base::own_descriptor(
      socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol));
}

int close_socket(void* /*user*/, curl_socket_t descriptor) {
  return close(base::disown_descriptor(descriptor));
}

void set_transport(Options& options, const HttpRequest& request) {
  options.function(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  options.function(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
  options.flag(CURLOPT_NOSIGNAL, true);
  options.text(CURLOPT_PROTOCOLS_STR, "http,https");
  options.number(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  // A name that is slow to resolve must not hold up the thread when its transfer is given up.
  options.flag(CURLOPT_QUICK_EXIT, true);
  options.number(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
  options.flag(CURLOPT_FORBID_REUSE, !request.keep_alive);
  if (request.accept_encoding) {
    options.text(CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
  }
}

}  // namespace

const std::string& proxy_of(const HttpRequest& request, const Hop& hop) {
  static const std::string none;
  const bool direct = (!request.unix_socket.empty() && hop.trusted) ||
                      bypasses_proxy(hop.target.host, hop.target.port, request.proxy.no_proxy);
  if (direct) {
    return none;
  }
  return hop.target.tls ? request.proxy.https : request.proxy.http;
}

bool is_proxy_secret(const HttpRequest& request, const Hop& hop) {
  const ProxyOptions& proxy = request.proxy;
  return !proxy_of(request, hop).empty() &&
         !(hop.target.tls ? proxy.https_shown_as : proxy.http_shown_as).empty();
}

std::string shown_proxy(const HttpRequest& request, const Hop& hop) {
  if (is_proxy_secret(request, hop)) {
    return hop.target.tls ? request.proxy.https_shown_as : request.proxy.http_shown_as;
  }
  return shown_url(proxy_of(request, hop));
}

Result<CurlLists> set_curl_options(CURL* easy, const HttpRequest& request, const Hop& hop) {
  Options options(easy);
  CurlLists lists;
  auto headers = make_headers(request, hop.trusted, hop.token);
  if (!headers) {
    return tl::unexpected(headers.error());
  }
  lists.headers = std::move(*headers);
  options.pointer(CURLOPT_HTTPHEADER, lists.headers.get());
  set_transport(options, request);
  for (auto set :
       {set_method(options, request, hop), set_address(options, request, hop, lists.connect_to),
        set_proxy(options, request, hop), set_tls(options, request.tls, hop.trusted),
        hop.trusted ? set_auth(options, request) : Result<void>()}) {
    if (!set) {
      return tl::unexpected(set.error());
    }
  }
  if (options.failure() != CURLE_OK) {
    return fail(ErrorKind::invalid,
                std::string("libcurl: ") + curl_easy_strerror(options.failure()));
  }
  return lists;
}

Result<void> start_curl() {
  // Safe from several threads at once since libcurl 7.84.
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK) {
    return fail(ErrorKind::io, std::string("libcurl: ") + curl_easy_strerror(code));
  }
  return {};
}

}  // namespace heapwatch::net
