#include "check/target_url.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/hash.h"
#include "base/number.h"
#include "base/text.h"

namespace heapwatch::check {

namespace {

constexpr std::string_view default_path = "/debug/vars";
constexpr std::size_t socket_path_bytes_max = 107;  // sun_path, less its final zero
constexpr std::string_view scheme_end = "://";

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? base::hex_value(text[i + 1]) : -1;
    const int low = high < 0 ? -1 : base::hex_value(text[i + 2]);
    if (low < 0) {
      decoded += text[i];
    } else {
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return decoded;
}

/// What a request line cannot carry as it is.
std::string percent_encoded(std::string_view text) {
  return base::percent_encoded(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte < 0x7f;
  });
}

/// `?token=*5f3a9c1e`: pages differ as their queries do, and a query may hold a password. The hash
/// says no more than that of the check's id, which is over the whole instance.
std::string without_query_values(std::string_view page) {
  const auto query = std::min(page.find('?'), page.size());
  std::string shown(page.substr(0, query));
  for (std::size_t at = query; at < page.size();) {
    shown += page[at++];  // `?` or `&`
    const std::string_view part = page.substr(at, page.find('&', at) - at);
    const auto equals = part.find('=');
    const std::string_view name = part.substr(0, equals == std::string_view::npos ? 0 : equals + 1);
    const std::string_view value = part.substr(name.size());
    shown += name;
    if (!value.empty()) {
      shown += '*';
      base::append_hex(shown, base::fnv1a(value), 8);
    }
    at += part.size();
  }
  return shown;
}

tl::unexpected<base::Error> wrong(std::string message) {
  return base::fail(base::ErrorKind::invalid, std::move(message));
}

/// `rest` split where its path ends: what a server gets, and the fragment, which it does not.
struct Page {
  std::string asked;
  std::string fragment;
};
Page page_of(std::string_view rest) {
  const auto hash = std::min(rest.find('#'), rest.size());
  Page page{std::string(rest.substr(0, hash)), std::string(rest.substr(hash))};
  if (page.asked.empty() || page.asked.front() == '?') {
    page.asked.insert(0, default_path);
  }
  return page;
}

base::Result<void> check_host(std::string_view authority) {
  const auto bracket = authority.rfind(']');
  const auto colon = authority.find(
      ':', authority.starts_with('[') && bracket != std::string_view::npos ? bracket : 0);
  if (!authority.starts_with('[') && std::count(authority.begin(), authority.end(), ':') > 1) {
    return wrong("must have an IPv6 address in brackets, such as http://[::1]:6060, not \"" +
                 std::string(authority) + '"');
  }
  const std::string_view host = authority.substr(0, colon);
  if (host.empty() || host == "[]" || host.find(' ') != std::string_view::npos) {
    return wrong("names no host in \"" + std::string(authority) + '"');
  }
  if (colon == std::string_view::npos || colon + 1 == authority.size()) {
    return {};
  }
  const std::string_view port_text = authority.substr(colon + 1);
  const auto number = base::parse_number(port_text);
  const auto port = number ? number->to_int64() : std::nullopt;
  if (!port || *port < 1 || *port > 65535) {
    return wrong("must have a port from 1 to 65535, not \"" + std::string(port_text) + '"');
  }
  return {};
}

base::Result<TargetUrl> http_target(const std::string& scheme, std::string_view rest) {
  const auto authority_end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, authority_end);
  TargetUrl target;
  const auto at = authority.rfind('@');
  if (at != std::string_view::npos) {
    const std::string_view userinfo = authority.substr(0, at);
    const auto colon = std::min(userinfo.find(':'), userinfo.size());
    target.username = percent_decoded(userinfo.substr(0, colon));
    target.password = percent_decoded(userinfo.substr(std::min(colon + 1, userinfo.size())));
    authority.remove_prefix(at + 1);
  }
  if (const auto right = check_host(authority); !right) {
    return tl::unexpected(right.error());
  }
  const Page page = page_of(rest.substr(authority_end));
  const std::string base = scheme + std::string(scheme_end) + std::string(authority);
  target.url = base + percent_encoded(page.asked);
  target.shown = base + without_query_values(page.asked) + page.fragment;
  return target;
}

/// How many bytes of `path` name the socket, and how many separate it from the page.
struct SocketEnd {
  std::size_t bytes = std::string_view::npos;
  std::size_t separator = 0;
};
SocketEnd find_socket_end(std::string_view path) {
  static constexpr std::string_view suffix = ".sock";
  SocketEnd end;
  for (auto at = path.find(suffix); at != std::string_view::npos; at = path.find(suffix, at + 1)) {
    const std::size_t bytes = at + suffix.size();
    if (bytes == path.size() ||
        std::string_view("/?#:").find(path[bytes]) != std::string_view::npos) {
      end.bytes = bytes;
      break;
    }
  }
  const auto colon = path.find(":/");
  if (colon != std::string_view::npos && colon <= end.bytes) {
    end = {colon, 1};
  }
  return end;
}

base::Result<TargetUrl> socket_target(std::string_view rest) {
  TargetUrl target;
  std::string_view page_text;
  std::string name;
  if (rest.starts_with('/')) {
    const SocketEnd end = find_socket_end(rest);
    if (end.bytes == std::string_view::npos) {
      return wrong(
          "does not tell the socket from the page; write unix:///run/app.sock/debug/vars, "
          "unix:///run/app:/debug/vars or unix://%2Frun%2Fapp/debug/vars");
    }
    target.unix_socket = rest.substr(0, end.bytes);
    name = rest.substr(0, end.bytes + end.separator);
    page_text = rest.substr(end.bytes + end.separator);
  } else {
    name = rest.substr(0, rest.find_first_of("/?#"));
    target.unix_socket = percent_decoded(name);
    page_text = rest.substr(name.size());
  }
  if (!target.unix_socket.starts_with('/')) {
    return wrong(
        "must name a socket by its absolute path, such as unix:///run/app.sock/debug/vars");
  }
  if (target.unix_socket.size() > socket_path_bytes_max) {
    return wrong("names a socket with a path longer than " + std::to_string(socket_path_bytes_max) +
                 " bytes");
  }
  const Page page = page_of(page_text);
  if (!page.asked.starts_with('/')) {
    return wrong("must go on with \"/\" behind the socket " + target.unix_socket);
  }
  target.url = "http://localhost" + percent_encoded(page.asked);
  target.shown = "unix://" + name + without_query_values(page.asked) + page.fragment;
  return target;
}

}  // namespace

base::Result<TargetUrl> parse_target_url(std::string_view text) {
  text = base::trimmed(text);
  if (std::any_of(text.begin(), text.end(), is_control)) {
    return wrong("holds a control character");
  }
  const auto colon = text.find(scheme_end);
  if (colon == std::string_view::npos || text.find_first_of("/?#") < colon) {
    std::string_view address = text;
    const auto at = address.substr(0, address.find_first_of("/?#")).rfind('@');
    address.remove_prefix(at == std::string_view::npos ? 0 : at + 1);
    return wrong("needs a scheme: http://" + std::string(address));
  }
  std::string scheme(text.substr(0, colon));
  std::transform(scheme.begin(), scheme.end(), scheme.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::string_view rest = text.substr(colon + scheme_end.size());
  if (scheme == "http" || scheme == "https") {
    return http_target(scheme, rest);
  }
  if (scheme == "unix") {
    return socket_target(rest);
  }
  return wrong("must begin with http://, https:// or unix://, not with " + scheme + "://");
}

std::optional<TargetUrl> read_target_url(config::Section& instance, std::string_view key) {
  const config::Value* const value = instance.raw(key);
  const bool written = value != nullptr && value->kind != config::Value::Kind::null;
  const auto text = written ? instance.text(key) : std::nullopt;
  if (written && !text) {
    return std::nullopt;
  }
  if (!text || base::trimmed(*text).empty()) {
    instance.error(key, instance.name_of(key) +
                            " is missing; give the address of the page, such as "
                            "http://localhost:6060/debug/vars");
    return std::nullopt;
  }
  auto target = parse_target_url(*text);
  if (const std::string shown = config::shown_handle(*value); !shown.empty()) {
    if (!target) {
      instance.error(key, instance.name_of(key) + ": what came for " + shown +
                              " is no address of the form http://HOST:PORT/PATH, https://... or "
                              "unix://...");
      return std::nullopt;
    }
    target->shown = shown;
    target->is_secret = true;
  }
  if (!target) {
    instance.error(key, instance.name_of(key) + " " + target.error().message);
    return std::nullopt;
  }
  return std::move(*target);
}

UrlAddress address_of(std::string_view url) {
  const std::size_t scheme = url.find(scheme_end);
  std::string_view authority =
      scheme == std::string_view::npos ? url : url.substr(scheme + scheme_end.size());
  authority = authority.substr(0, authority.find_first_of("/?#"));
  authority.remove_prefix(authority.rfind('@') + 1);
  UrlAddress address{.host = {}, .port = url.starts_with("https:") ? 443U : 80U};
  const std::size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    const std::string_view digits = authority.substr(colon + 1);
    constexpr unsigned most = 65535;
    unsigned port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    const bool is_port =
        error == std::errc{} && end == digits.data() + digits.size() && port <= most;
    address.port = is_port ? port : 0;
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']')) {
    authority = authority.substr(1, authority.size() - 2);
  }
  address.host = authority;
  return address;
}

std::string place_of(std::string_view shown) {
  const auto scheme = shown.find("://");
  if (scheme == std::string_view::npos || shown.starts_with("unix")) {
    return std::string(shown);
  }
  shown.remove_prefix(scheme + 3);
  return std::string(shown.substr(0, shown.find_first_of("/?#")));
}

void aim(net::HttpRequest& request, const TargetUrl& target) {
  request.url = target.url;
  request.unix_socket = target.unix_socket;
  request.shown_as = target.is_secret ? target.shown : std::string();
  if (request.auth == net::HttpAuth::none &&
      (!target.username.empty() || !target.password.empty())) {
    request.auth = net::HttpAuth::basic;
    request.username = target.username;
    request.password = target.password;
  }
}

}  // namespace heapwatch::check
