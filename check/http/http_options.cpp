#include "check/http/http_options.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "base/text.h"
#include "check/http/http_auth_options.h"
#include "check/http/option_forms.h"
#include "net/target.h"

namespace heapwatch::check::http {

namespace {

using config::Section;
using config::Value;

constexpr Section::Range timeout_seconds{0.001, 86400};
constexpr std::size_t body_bytes_max = std::size_t{1024} * 1024 * 1024;

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

// --- proxies

std::string without_userinfo(const std::string& url) {
  const auto begin = url.find("://") == std::string::npos ? 0 : url.find("://") + 3;
  const auto at = url.rfind('@');
  return at == std::string::npos || at < begin ? url : url.substr(0, begin) + url.substr(at + 1);
}

std::string read_proxy_url(Section& proxy, std::string_view key, std::string& shown_as) {
  const auto url = proxy.text(key);
  if (const Value* const value = proxy.raw(key)) {
    shown_as = config::shown_handle(*value);
  }
  if (!url || url->empty()) {
    return {};
  }
  static constexpr std::array<std::string_view, 4> schemes{"http://", "https://", "socks5://",
                                                           "socks5h://"};
  std::string whole = net::with_scheme(*url);
  if (std::none_of(schemes.begin(), schemes.end(),
                   [&](std::string_view scheme) { return whole.starts_with(scheme); })) {
    proxy.error(key, proxy.name_of(key) +
                         " must begin with http://, https://, socks5:// or socks5h://, not be " +
                         (shown_as.empty() ? '"' + without_userinfo(*url) + '"' : shown_as));
  }
  return whole;
}

std::vector<std::string> read_no_proxy(Section& proxy) {
  static constexpr std::string_view key = "no_proxy";
  const Value* const value = proxy.raw(key);
  if (value == nullptr || value->kind != Value::Kind::scalar) {
    return proxy.texts(key).value_or(std::vector<std::string>{});
  }
  std::vector<std::string> hosts;
  static constexpr std::string_view separators = " \t,;";
  std::string_view rest = value->text;
  while (rest.find_first_not_of(separators) != std::string_view::npos) {
    rest.remove_prefix(rest.find_first_not_of(separators));
    const auto host = rest.substr(0, rest.find_first_of(separators));
    hosts.emplace_back(host);
    rest.remove_prefix(host.size());
  }
  return hosts;
}

std::optional<net::ProxyOptions> read_proxy_map(Section& section) {
  auto proxy = section.section("proxy");
  if (!proxy) {
    return std::nullopt;
  }
  net::ProxyOptions options;
  options.http = read_proxy_url(*proxy, "http", options.http_shown_as);
  options.https = read_proxy_url(*proxy, "https", options.https_shown_as);
  options.no_proxy = read_no_proxy(*proxy);
  proxy->finish();
  return options;
}

net::ProxyOptions read_proxy(Section& init_config, Section& instance,
                             const config::AgentConfig& agent) {
  auto inherited = read_proxy_map(init_config);
  auto own = read_proxy_map(instance);
  const bool use_agent = lenient_boolean(instance, "use_agent_proxy",
                                         lenient_boolean(init_config, "use_agent_proxy", true));
  const auto skip_key = current_name(instance, "skip_proxy", "no_proxy");
  const bool skip =
      lenient_boolean(instance, skip_key, lenient_boolean(init_config, "skip_proxy", false));
  if (skip) {
    return {};
  }
  if (own || inherited) {
    return std::move(own ? *own : *inherited);
  }
  return use_agent ? net::ProxyOptions{.http = agent.proxy.http,
                                       .https = agent.proxy.https,
                                       .no_proxy = agent.proxy.no_proxy,
                                       .http_shown_as = agent.proxy.http_shown_as,
                                       .https_shown_as = agent.proxy.https_shown_as}
                   : net::ProxyOptions{};
}

// --- TLS

std::string read_ciphers(Section& instance) {
  static constexpr std::string_view key = "tls_ciphers";
  const Value* const value = instance.raw(key);
  if (value == nullptr || value->kind != Value::Kind::list) {
    return instance.text(key).value_or("");
  }
  std::string all;
  for (const std::string& cipher : instance.texts(key).value_or(std::vector<std::string>{})) {
    all += (all.empty() ? "" : ":") + cipher;
  }
  return all;
}

net::TlsOptions read_tls(Section& instance) {
  net::TlsOptions tls;
  // A misspelled boolean must not turn these two off.
  tls.verify = instance.boolean(current_name(instance, "tls_verify", "ssl_verify")).value_or(true);
  tls.verify_hostname = instance.boolean("tls_validate_hostname").value_or(true);
  tls.ca = expanded(instance.text("tls_ca_cert").value_or(""));
  tls.certificate =
      expanded(instance.text(current_name(instance, "tls_cert", "ssl_certfile")).value_or(""));
  tls.private_key = expanded(
      instance.text(current_name(instance, "tls_private_key", "ssl_keyfile")).value_or(""));
  tls.private_key_password = instance.text("tls_private_key_password").value_or("");
  tls.ciphers = read_ciphers(instance);
  tls.use_host_header = lenient_boolean(instance, "tls_use_host_header", false);
  if (!tls.private_key.empty() && tls.certificate.empty()) {
    instance.error("tls_private_key",
                   "tls_private_key needs tls_cert, the certificate it belongs to");
  }
  return tls;
}

// --- headers

void set_header(net::Headers& headers, std::string name, std::string value) {
  const auto same = std::find_if(headers.begin(), headers.end(), [&](const auto& header) {
    return equal_ignoring_case(header.first, name);
  });
  if (same == headers.end()) {
    headers.emplace_back(std::move(name), std::move(value));
  } else {
    *same = {std::move(name), std::move(value)};
  }
}

void add_headers(Section& instance, std::string_view key, net::Headers& headers) {
  auto pairs = instance.text_map(key);
  if (!pairs) {
    return;
  }
  for (auto& [name, value] : *pairs) {
    if (base::is_token(name) && base::is_one_line(value)) {
      set_header(headers, std::move(name), std::move(value));
    } else {
      instance.error(key, instance.name_of(key) + " -> " + name +
                              " must be the name of a header with a value of one line");
    }
  }
}

void read_headers(Section& instance, net::HttpRequest& request) {
  if (is_set(instance, "headers")) {
    request.accept_encoding = false;
  } else {
    request.headers = {{"User-Agent", "heapwatch/" HEAPWATCH_VERSION}, {"Accept", "*/*"}};
  }
  add_headers(instance, "headers", request.headers);
  add_headers(instance, "extra_headers", request.headers);
  const auto encoding = std::find_if(
      request.headers.begin(), request.headers.end(),
      [](const auto& header) { return equal_ignoring_case(header.first, "Accept-Encoding"); });
  if (encoding == request.headers.end()) {
    return;
  }
  // Whoever offers an encoding has to decode it, so the client offers its own.
  request.accept_encoding = encoding->second.find("gzip") != std::string::npos ||
                            encoding->second.find("deflate") != std::string::npos;
  if (request.accept_encoding) {
    request.headers.erase(encoding);
  }
}

// --- the rest

std::optional<std::size_t> parse_bytes(const Value& value) {
  static constexpr std::array<std::pair<std::string_view, std::size_t>, 7> units{{
      {"KiB", 1024},
      {"MiB", 1024 * 1024},
      {"GiB", 1024 * 1024 * 1024},
      {"kB", 1000},
      {"KB", 1000},
      {"MB", 1000 * 1000},
      {"GB", 1000 * 1000 * 1000},
  }};
  Value number = value;
  std::size_t unit = 1;
  for (const auto& [name, bytes] : units) {
    if (number.text.ends_with(name)) {
      number.text.resize(number.text.size() - name.size());
      number.text.resize(number.text.find_last_not_of(' ') + 1);
      unit = bytes;
      break;
    }
  }
  const auto read = config::read_number(number);
  const double bytes = read ? read->to_double() * static_cast<double>(unit) : 0;
  return bytes >= 1 && bytes <= static_cast<double>(body_bytes_max)
             ? std::optional(static_cast<std::size_t>(bytes))
             : std::nullopt;
}

void read_body_limit(Section& instance, net::HttpRequest& request) {
  static constexpr std::string_view key = "max_body_size";
  if (!is_set(instance, key)) {
    return;
  }
  const Value& value = *instance.raw(key);
  if (const auto bytes = parse_bytes(value)) {
    request.body_bytes_max = *bytes;
    return;
  }
  instance.error(key,
                 "max_body_size must be a number of bytes, such as 1048576 or 16MiB, up to "
                 "1GiB, not " +
                     config::shown(value));
}

void read_timeouts(Section& init_config, Section& instance, net::HttpRequest& request) {
  constexpr std::chrono::milliseconds usual{10'000};
  constexpr int read_timeouts_in_total = 3;
  const auto inherited = init_config.seconds("timeout", timeout_seconds).value_or(usual);
  const auto timeout = instance.seconds("timeout", timeout_seconds).value_or(inherited);
  request.connect_timeout = instance.seconds("connect_timeout", timeout_seconds).value_or(timeout);
  request.read_timeout = instance.seconds("read_timeout", timeout_seconds).value_or(timeout);
  request.total_timeout =
      instance.seconds("total_timeout", timeout_seconds)
          .value_or(request.connect_timeout + read_timeouts_in_total * request.read_timeout);
}

}  // namespace

std::optional<net::HttpRequest> read_http_options(Section& init_config, Section& instance,
                                                  const config::AgentConfig& agent) {
  const std::size_t errors_before = instance.diagnostics().error_count();
  net::HttpRequest request;
  request.proxy = read_proxy(init_config, instance, agent);
  read_timeouts(init_config, instance, request);
  read_auth(instance, request);
  request.token = read_token(instance);
  request.tls = read_tls(instance);
  read_headers(instance, request);
  read_body_limit(instance, request);
  request.keep_alive = lenient_boolean(instance, "persist_connections", true);
  request.follow_redirects = lenient_boolean(instance, "allow_redirects", true);
  // They change how the Agent reads and logs a response, and nothing here.
  static constexpr std::array<std::string_view, 4> without_effect{
      "request_size", "log_requests", "tls_ignore_warning", "tls_protocols_allowed"};
  instance.ignore(without_effect);
  init_config.ignore(without_effect);
  return instance.diagnostics().error_count() == errors_before ? std::optional(std::move(request))
                                                               : std::nullopt;
}

}  // namespace heapwatch::check::http
