#include "agent/pprof/source.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/number.h"
#include "check/target_url.h"
#include "net/target.h"

namespace heapwatch::agent {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::string_view index_path = "/debug/pprof/";
constexpr std::string_view page_without_path = "/debug/vars";  // of check::parse_target_url()
constexpr std::chrono::seconds page_timeout{60};
constexpr std::chrono::seconds timeout_slack{5};
constexpr std::chrono::seconds cpu_profile_duration{30};  // where the URL says none
constexpr int redirects_max = 10;

std::optional<std::string> variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
}

/// The proxies that the environment names; loopback addresses are reached without.
net::ProxyOptions proxies() {
  net::ProxyOptions proxy;
  proxy.http = variable("http_proxy").value_or(variable("HTTP_PROXY").value_or(""));
  proxy.https = variable("https_proxy").value_or(variable("HTTPS_PROXY").value_or(""));
  proxy.no_proxy = {"localhost", "127.0.0.0/8", "::1"};
  const std::string none = variable("no_proxy").value_or(variable("NO_PROXY").value_or(""));
  for (std::size_t at = 0; at < none.size();) {
    const std::size_t end = std::min(none.find_first_of(", ", at), none.size());
    if (end > at) {
      proxy.no_proxy.push_back(none.substr(at, end - at));
    }
    at = end + 1;
  }
  return proxy;
}

/// A URL taken apart behind its host.
struct Page {
  std::string before;  // scheme and host
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;  // as they stand in the URL
};

void add_query(Page& page, std::string_view query) {
  for (std::size_t at = 0; at < query.size();) {
    const std::size_t end = std::min(query.find('&', at), query.size());
    const std::size_t equals = std::min(query.find('=', at), end);
    if (end > at) {
      page.query.emplace_back(query.substr(at, equals - at),
                              equals < end ? query.substr(equals + 1, end - equals - 1) : "");
    }
    at = end + 1;
  }
}

/// Takes the place of the parameters of this name.
void set_parameter(Page& page, const std::string& name, const std::string& value) {
  std::erase_if(page.query, [&](const auto& it) { return it.first == name; });
  page.query.emplace_back(name, value);
}

Page split(const std::string& url) {
  Page page;
  const std::size_t host = url.find("://") + 3;
  const std::size_t path = std::min(url.find_first_of("/?", host), url.size());
  const std::size_t query = std::min(url.find('?', path), url.size());
  page.before = url.substr(0, path);
  page.path = url.substr(path, query - path);
  add_query(page, std::string_view{url}.substr(std::min(query + 1, url.size())));
  return page;
}

std::string join(const Page& page, bool for_people) {
  constexpr std::array<std::string_view, 3> harmless = {"seconds", "debug", "gc"};
  std::string url = page.before + page.path;
  char separator = '?';
  for (const auto& [name, value] : page.query) {
    const bool is_shown =
        !for_people || std::find(harmless.begin(), harmless.end(), name) != harmless.end();
    url += separator + name + "=" + (is_shown ? value : "...");
    separator = '&';
  }
  return url;
}

std::string last_part(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

Result<void> choose_page(Page& page, const std::string& kind) {
  if (page.path.empty() || page.path == "/") {
    page.path = index_path;
    page.path += kind.empty() ? "profile" : kind;
    return {};
  }
  const bool is_index = page.path == index_path || page.path + "/" == index_path;
  if (is_index && kind.empty()) {
    return fail(ErrorKind::invalid,
                "this page lists the profiles; say which one is meant, such as --kind heap");
  }
  if (is_index) {
    page.path = std::string(index_path) + kind;
  } else if (!kind.empty() && last_part(page.path) != kind) {
    return fail(ErrorKind::invalid, "the URL asks for " + page.path + " and --kind for " + kind +
                                        "; leave one of them out");
  }
  return {};
}

/// Sets the flag's seconds, or else reads the URL's.
std::chrono::seconds choose_duration(Page& page, int seconds) {
  const auto found = std::find_if(page.query.begin(), page.query.end(),
                                  [](const auto& it) { return it.first == "seconds"; });
  if (seconds > 0) {
    const std::string text = std::to_string(seconds);
    if (found != page.query.end()) {
      found->second = text;
    } else {
      page.query.emplace_back("seconds", text);
    }
    return std::chrono::seconds(seconds);
  }
  if (found == page.query.end()) {
    return std::chrono::seconds(0);
  }
  const auto number = base::parse_number(found->second);
  const auto value = number ? number->to_int64() : std::nullopt;
  return std::chrono::seconds(value ? std::clamp<std::int64_t>(*value, 0, seconds_max) : 0);
}

Result<void> set_credentials(net::HttpRequest& request, const TransportFlags& flags) {
  for (const std::string& header : flags.headers) {
    const std::size_t colon = header.find(':');
    if (colon == std::string::npos || colon == 0) {
      return fail(ErrorKind::invalid, "-header takes `Name: value`");
    }
    const std::size_t value = header.find_first_not_of(" \t", colon + 1);
    request.headers.emplace_back(header.substr(0, colon),
                                 value == std::string::npos ? "" : header.substr(value));
  }
  if (!flags.user.empty()) {
    const std::size_t colon = std::min(flags.user.find(':'), flags.user.size());
    request.auth = net::HttpAuth::basic;
    request.username = flags.user.substr(0, colon);
    request.password = flags.user.substr(std::min(colon + 1, flags.user.size()));
  }
  if (!flags.token.empty()) {
    request.headers.emplace_back("Authorization", "Bearer " + flags.token);
  }
  if (!flags.token_file.empty()) {
    request.token = net::TokenFile{};
    request.token->path = flags.token_file;
  }
  const bool has_user = request.auth != net::HttpAuth::none;
  if (int{has_user} + int{!flags.token.empty()} + int{!flags.token_file.empty()} > 1) {
    return fail(ErrorKind::invalid,
                "a user, a token and a token file exclude one another; give one of them");
  }
  return {};
}

std::chrono::seconds default_timeout(std::chrono::seconds duration) {
  return (duration.count() > 0 ? duration + duration / 2 : page_timeout) + timeout_slack;
}

/// As asked for; a profile over time that fits into it may be a little late.
std::chrono::seconds asked_timeout(std::chrono::seconds asked, std::chrono::seconds duration) {
  const bool may_fit = duration.count() > 0 && duration <= asked;
  return may_fit ? std::max(asked, duration + timeout_slack) : asked;
}

/// Who reports the error names the source.
std::string without_name(const std::string& why) {
  const std::size_t named = why.starts_with('"') ? why.find("\": ") : std::string::npos;
  return named == std::string::npos ? why : why.substr(named + 3);
}

/// The page and the parameters that `flags` ask for.
Result<void> apply_flags(Page& page, const TransportFlags& flags) {
  if (auto chosen = choose_page(page, flags.kind); !chosen) {
    return tl::unexpected(chosen.error());
  }
  add_query(page, flags.kind_query);
  if (flags.gc && last_part(page.path) != "heap") {
    return fail(ErrorKind::invalid, "-gc is for heap profiles, not for " + page.path +
                                        "; name one, as with -kind heap");
  }
  if (flags.gc) {
    set_parameter(page, "gc", "1");
  }
  return {};
}

void set_tls(net::TlsOptions& tls, const pprof::FetchRequest& asked, bool verify) {
  tls.ca = asked.tls.authority;
  tls.certificate = asked.tls.certificate;
  tls.private_key = asked.tls.key;
  tls.verify = verify;
}

bool collects_garbage(const Page& page) {
  return std::any_of(page.query.begin(), page.query.end(), [](const auto& it) {
    return it.first == "gc" && base::parse_number(it.second).has_value() && it.second != "0";
  });
}

}  // namespace

Result<Source> parse_source(const pprof::FetchRequest& asked, const TransportFlags& flags) {
  std::string text = asked.url;
  if (!is_url(text) && flags.kind.empty()) {
    return fail(ErrorKind::not_found, "open " + text + ": no such file or directory");
  }
  text = net::with_scheme(std::move(text));
  constexpr std::string_view insecure = "https+insecure://";
  const bool is_insecure = text.starts_with(insecure);
  if (is_insecure) {
    text.replace(0, insecure.size(), "https://");
  }
  auto target = check::parse_target_url(text);
  if (!target) {
    return fail(ErrorKind::invalid, without_name(target.error().message));
  }

  Source source;
  net::HttpRequest& request = source.request;
  check::aim(request, *target);
  Page page = split(request.url);
  if (text.find(page_without_path) == std::string::npos && page.path == page_without_path) {
    page.path.clear();
  }
  if (auto applied = apply_flags(page, flags); !applied) {
    return tl::unexpected(applied.error());
  }
  source.duration = choose_duration(page, asked.seconds);
  std::stable_sort(page.query.begin(), page.query.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  request.url = join(page, false);
  source.kind = last_part(page.path);
  source.collects = source.kind == "heap" && collects_garbage(page);
  const bool is_socket = !request.unix_socket.empty();
  if (is_socket) {
    page.before = "unix://" + request.unix_socket;
  }
  if (is_insecure) {
    page.before.replace(0, 5, "https+insecure");
  }
  source.shown = join(page, true);

  if (auto set = set_credentials(request, flags); !set) {
    return tl::unexpected(set.error());
  }
  request.headers.emplace_back("User-Agent", "heapwatch");
  set_tls(request.tls, asked, !is_insecure && !flags.tls_insecure);
  request.proxy = proxies();
  request.total_timeout = default_timeout(source.duration);
  if (source.duration.count() == 0 && source.kind == "profile") {
    source.duration = cpu_profile_duration;
  }
  if (asked.timeout_s > 0) {
    request.total_timeout = asked_timeout(std::chrono::seconds(asked.timeout_s), source.duration);
  }
  source.asked_by_net = net::shown_url(request.url);
  if (is_socket) {
    source.asked_by_net += " by " + request.unix_socket;
  }
  request.connect_timeout =
      std::min<std::chrono::milliseconds>(request.total_timeout, std::chrono::seconds(30));
  request.read_timeout = std::chrono::milliseconds(0);  // profiles over time begin with silence
  request.redirects_max = redirects_max;
  if (asked.bytes_max != 0) {
    request.body_bytes_max = asked.bytes_max;
  }
  return source;
}

std::string go_duration(std::chrono::seconds duration) {
  const auto total = duration.count();
  std::string text;
  if (total >= 3600) {
    text += std::to_string(total / 3600) + "h";
  }
  if (total >= 60) {
    text += std::to_string(total / 60 % 60) + "m";
  }
  return text + std::to_string(total % 60) + "s";
}

}  // namespace heapwatch::agent
