#include "net/transfer_error.h"

#include <algorithm>
#include <cstring>

#include "base/counted.h"
#include "base/text.h"

namespace heapwatch::net {

namespace {

using base::Error;
using base::ErrorKind;

struct Failure {
  ErrorKind kind;
  std::string what;
};

/// "200 ms", "10 s".
std::string text_of(std::chrono::milliseconds duration) {
  const auto count = duration.count();
  return count % 1000 == 0 ? std::to_string(count / 1000) + " s" : std::to_string(count) + " ms";
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

template <typename T>
T info(CURL* easy, CURLINFO which) {
  T value{};
  curl_easy_getinfo(easy, which, &value);
  return value;
}

std::string system_words(CURL* easy, const std::string& otherwise) {
  const auto number = info<long>(easy, CURLINFO_OS_ERRNO);
  std::string words =
      number == 0 ? otherwise : std::string(std::strerror(static_cast<int>(number)));
  if (!words.empty()) {
    words.front() = base::ascii_lower(words.front());
  }
  return words;
}

std::string tls_advice(const std::string& detail) {
  if (contains(detail, "subject name") || contains(detail, "IP address mismatch") ||
      contains(detail, "ostname mismatch")) {
    return "; the certificate is for another name: tls_validate_hostname: false accepts any";
  }
  if (contains(detail, "expired") || contains(detail, "not yet valid")) {
    return "; tls_verify: false accepts any certificate";
  }
  if (contains(detail, "certificate problem")) {
    return "; name its authority with tls_ca_cert, or accept any certificate with tls_verify: "
           "false";
  }
  if (contains(detail, "alert") || contains(detail, "handshake failure")) {
    return "; the server may want a client certificate (tls_cert, tls_private_key) or other "
           "tls_ciphers";
  }
  if (contains(detail, "wrong version number") || contains(detail, "packet length too long")) {
    return "; the server may speak http, not https";
  }
  return {};
}

Failure tls_failure(const std::string& detail) {
  return {ErrorKind::refused, "TLS: " + detail + tls_advice(detail)};
}

Failure timeout_failure(CURL* easy, const HttpRequest& request, std::chrono::nanoseconds took) {
  const bool connected = info<curl_off_t>(easy, CURLINFO_PRETRANSFER_TIME_T) > 0;
  if (!connected && request.connect_timeout.count() > 0 &&
      took + std::chrono::milliseconds(1) >= request.connect_timeout) {
    return {ErrorKind::timeout, "no connection within " + text_of(request.connect_timeout) +
                                    " (connect_timeout); raise it if the host is that far"};
  }
  return {ErrorKind::timeout, "not complete within " + text_of(request.total_timeout) +
                                  " (total_timeout); raise it if the page takes that long"};
}

Failure connect_failure(CURL* easy, const std::string& detail, const HttpRequest& request,
                        const Hop& hop) {
  const std::string to = proxy_of(request, hop).empty() ? std::string() : " to the proxy ";
  // curl's words have host and port.
  const std::string words = system_words(
      easy, is_proxy_secret(request, hop) ? curl_easy_strerror(CURLE_COULDNT_CONNECT) : detail);
  return {ErrorKind::unreachable,
          "cannot connect" + (to.empty() ? to : to + shown_proxy(request, hop)) + ": " + words};
}

/// With TLS 1.3 a server refuses a client without a certificate after the handshake, and may be
/// gone before its alert is read.
std::string certificate_advice(CURL* easy, const HttpRequest& request, const Hop& hop) {
  const bool answered = info<curl_off_t>(easy, CURLINFO_SIZE_DOWNLOAD_T) > 0;
  return hop.url.starts_with("https://") && request.tls.certificate.empty() && !answered
             ? "; the server may want a client certificate (tls_cert, tls_private_key)"
             : "";
}

Failure broken_connection(CURL* easy, const std::string& detail, const HttpRequest& request,
                          const Hop& hop) {
  if (const auto status = info<long>(easy, CURLINFO_HTTP_CONNECTCODE); status >= 300) {
    return {ErrorKind::refused,
            "the proxy answered " + status_text(static_cast<int>(status)) + " to CONNECT"};
  }
  if (contains(detail, "SSL") && !contains(detail, "SYSCALL") && !contains(detail, "errno 104")) {
    return tls_failure(detail);
  }
  return {ErrorKind::unreachable, "the connection broke: " + system_words(easy, detail) +
                                      certificate_advice(easy, request, hop)};
}

Failure failure_of(CURL* easy, CURLcode code, const std::string& detail, const HttpRequest& request,
                   const Hop& hop, std::chrono::nanoseconds took) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return {ErrorKind::unreachable, "the host \"" + hop.target.host + "\" does not resolve"};
    case CURLE_COULDNT_RESOLVE_PROXY:
      return {ErrorKind::unreachable, "the host of the proxy does not resolve"};
    case CURLE_COULDNT_CONNECT:
      return connect_failure(easy, detail, request, hop);
    case CURLE_PROXY:
      return {ErrorKind::refused, "the proxy refused: " + detail};
    case CURLE_OPERATION_TIMEDOUT:
      return timeout_failure(easy, request, took);
    case CURLE_GOT_NOTHING:
      return {ErrorKind::unreachable, "the server closed the connection without an answer" +
                                          certificate_advice(easy, request, hop)};
    case CURLE_PARTIAL_FILE: {
      const auto came =
          static_cast<std::uint64_t>(info<curl_off_t>(easy, CURLINFO_SIZE_DOWNLOAD_T));
      return {ErrorKind::unreachable, "the connection was closed before the end of the body (" +
                                          base::counted(came, "byte") + " came)"};
    }
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      return broken_connection(easy, detail, request, hop);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
      return tls_failure(detail);
    case CURLE_SSL_CERTPROBLEM:
      return {ErrorKind::invalid, "tls_cert, tls_private_key: " + detail};
    case CURLE_SSL_CIPHER:
      return {ErrorKind::invalid, "tls_ciphers: " + detail};
    case CURLE_SSL_CACERT_BADFILE:
      return {ErrorKind::invalid, "tls_ca_cert: " + detail};
    case CURLE_BAD_CONTENT_ENCODING:
      return {ErrorKind::invalid, "the body does not decode: " + detail};
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return {ErrorKind::invalid, "the answer is not HTTP/1: " + detail};
    case CURLE_AUTH_ERROR:
    case CURLE_LOGIN_DENIED:
      return {ErrorKind::invalid, "auth_type: " + detail};
    default:
      return {ErrorKind::unreachable, detail};
  }
}

/// What is wrong with a request whose address nobody may read.
std::string without_addresses(std::string text, const std::string& host) {
  static constexpr std::string_view hidden = "...";
  const auto hide = [&](std::size_t at, std::size_t bytes) {
    text.replace(at, bytes, hidden);
    return at + hidden.size();
  };
  for (const std::string_view scheme : {"http://", "https://"}) {
    for (auto at = text.find(scheme); at != std::string::npos; at = text.find(scheme, at)) {
      const std::size_t end = std::min(text.find_first_of(" \"',;", at), text.size());
      at = end == at + scheme.size() ? end : hide(at, end - at);  // alone, it is no address
    }
  }
  for (auto at = text.find(host); !host.empty() && at != std::string::npos;
       at = text.find(host, at)) {
    at = hide(at, host.size());
  }
  return text;
}

/// `http://user:password@[::1]:3128/` is of the host `::1`.
std::string host_of(const std::string& proxy) {
  std::string host = shown_url(proxy);
  if (const auto scheme = host.find("://"); scheme != std::string::npos) {
    host.erase(0, scheme + 3);
  }
  host.resize(std::min(host.find('/'), host.size()));
  if (host.starts_with('[')) {
    return host.substr(1, std::min(host.find(']'), host.size()) - 1);
  }
  host.resize(std::min(host.find(':'), host.size()));
  return host;
}

}  // namespace

Error exchange_error(ErrorKind kind, const HttpRequest& request, const Hop& hop,
                     const std::string& said) {
  const std::string what = is_proxy_secret(request, hop)
                               ? without_addresses(said, host_of(proxy_of(request, hop)))
                               : said;
  if (!request.shown_as.empty()) {
    return {kind, request.shown_as + ": " + without_addresses(what, hop.target.host)};
  }
  std::string message = shown_url(hop.url);
  if (!request.unix_socket.empty() && hop.trusted) {
    message += " by " + request.unix_socket;
  }
  return {kind, message + ": " + what};
}

Error transfer_error(CURL* easy, CURLcode code, const std::string& detail,
                     const HttpRequest& request, const Hop& hop, std::chrono::nanoseconds took) {
  const std::string words = detail.empty() ? curl_easy_strerror(code) : detail;
  const Failure failure = failure_of(easy, code, words, request, hop, took);
  return exchange_error(failure.kind, request, hop, failure.what);
}

Error read_timeout_error(const HttpRequest& request, const Hop& hop) {
  return exchange_error(ErrorKind::timeout, request, hop,
                        "no byte came for " + text_of(request.read_timeout) +
                            " (read_timeout); raise it if the page takes that long");
}

Error total_timeout_error(const HttpRequest& request, const Hop& hop) {
  return exchange_error(ErrorKind::timeout, request, hop,
                        "not complete within " + text_of(request.total_timeout) +
                            " (total_timeout); raise it if the page takes that long");
}

}  // namespace heapwatch::net
