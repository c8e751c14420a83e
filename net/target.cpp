#include "net/target.h"

#include <curl/curl.h>

#include <charconv>
#include <memory>

#include "base/text.h"

namespace heapwatch::net {

namespace {

using base::ErrorKind;
using base::fail;

using UrlHandle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK) {
    return {};
  }
  std::string copy = text;
  curl_free(text);
  return copy;
}

}  // namespace

std::string with_scheme(std::string text) {
  if (text.find("://") == std::string::npos) {
    text.insert(0, "http://");
  }
  return text;
}

base::Result<Authority> parse_authority(const std::string& url) {
  const UrlHandle parsed(curl_url(), &curl_url_cleanup);
  const CURLUcode code =
      curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME);
  if (code != CURLUE_OK || url.find('\0') != std::string::npos) {
    return fail(ErrorKind::invalid, "\"" + shown_url(url) + "\": not a URL of the form " +
                                        "http://HOST:PORT/PATH or https://HOST:PORT/PATH");
  }
  const std::string scheme = part(parsed.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") {
    return fail(ErrorKind::invalid, "\"" + shown_url(url) + "\": the scheme is \"" + scheme +
                                        "\"; only http and https are spoken");
  }
  if (!part(parsed.get(), CURLUPART_USER).empty() ||
      !part(parsed.get(), CURLUPART_PASSWORD).empty()) {
    return fail(ErrorKind::invalid, "\"" + shown_url(url) +
                                        "\": the URL carries a user or a password; give them as " +
                                        "username and password");
  }
  Authority target;
  target.tls = scheme == "https";
  target.host = base::ascii_lower(part(parsed.get(), CURLUPART_HOST));
  if (target.host.size() > 2 && target.host.front() == '[') {
    target.host = target.host.substr(1, target.host.size() - 2);
  }
  const std::string port = part(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  std::from_chars(port.data(), port.data() + port.size(), target.port);
  return target;
}

bool shares_credentials(const Authority& first, const Authority& next) {
  const bool upgraded = !first.tls && next.tls && first.port == 80 && next.port == 443;
  return first == next || (upgraded && first.host == next.host);
}

std::string shown_url(std::string_view url) {
  url = url.substr(0, url.find('#'));
  const std::size_t query = url.find('?');
  std::string shown(url.substr(0, query));
  const std::size_t scheme = shown.find("://");
  const std::size_t authority = scheme == std::string::npos ? 0 : scheme + 3;
  const std::size_t path = shown.find('/', authority);
  const std::size_t at = shown.rfind('@', path);
  if (at != std::string::npos && at >= authority) {
    shown.erase(authority, at + 1 - authority);
  }
  if (query != std::string_view::npos) {
    shown += "?...";
  }
  return shown;
}

base::Result<std::string> with_host(const std::string& url, std::string_view host) {
  const std::size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
    host = host.substr(0, colon);
  }
  const UrlHandle parsed(curl_url(), &curl_url_cleanup);
  const std::string name(host);
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK ||
      curl_url_set(parsed.get(), CURLUPART_HOST, name.c_str(), 0) != CURLUE_OK) {
    return fail(ErrorKind::invalid, "the Host header \"" + name + "\" is not the name of a host");
  }
  return part(parsed.get(), CURLUPART_URL);
}

base::Result<std::string> resolve_location(const std::string& base, const std::string& location) {
  const UrlHandle url(curl_url(), &curl_url_cleanup);
  constexpr unsigned flags = CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE;
  if (curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK ||
      curl_url_set(url.get(), CURLUPART_URL, location.c_str(), flags) != CURLUE_OK) {
    return fail(ErrorKind::invalid, "\"" + shown_url(location) + "\", which is not a URL");
  }
  return part(url.get(), CURLUPART_URL);
}

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

}  // namespace heapwatch::net
