#include "check/http_options.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace heapwatch::check {

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

bool is_set(Section& section, std::string_view key) {
  const Value* const value = section.raw(key);
  return value != nullptr && value->kind != Value::Kind::null;
}

/// The key to read: an old name counts only while the new one is absent.
std::string_view current_name(Section& section, std::string_view name, std::string_view old_name) {
  const bool old_is_set = is_set(section, old_name);
  return old_is_set && !is_set(section, name) ? old_name : name;
}

/// A text other than a boolean's is false, as the Agent's checks have it.
bool lenient_boolean(Section& section, std::string_view key, bool absent) {
  const Value* const value = section.raw(key);
  if (value == nullptr || value->kind != Value::Kind::scalar || config::read_boolean(*value)) {
    return section.boolean(key).value_or(absent);
  }
  section.warning(key, section.name_of(key) + " must be true or false, not " +
                           config::shown(*value) + "; taken as false");
  return false;
}

std::string expanded(std::string path) {
  if (path == "~" || path.starts_with("~/")) {
    if (const auto home = config::process_environment("HOME")) {
      path.replace(0, 1, *home);
    }
  }
  return path;
}

// --- proxies

std::string without_userinfo(const std::string& url) {
  const auto begin = url.find("://") == std::string::npos ? 0 : url.find("://") + 3;
  const auto at = url.rfind('@');
  return at == std::string::npos || at < begin ? url : url.substr(0, begin) + url.substr(at + 1);
}

std::string read_proxy_url(Section& proxy, std::string_view key) {
  const auto url = proxy.text(key);
  if (!url || url->empty()) {
    return {};
  }
  static constexpr std::array<std::string_view, 4> schemes{"http://", "https://", "socks5://",
                                                           "socks5h://"};
  if (url->find("://") == std::string::npos) {
    return "http://" + *url;
  }
  if (std::none_of(schemes.begin(), schemes.end(),
                   [&](std::string_view scheme) { return url->starts_with(scheme); })) {
    proxy.error(key, proxy.name_of(key) +
                         " must begin with http://, https://, socks5:// or socks5h://, not be \"" +
                         without_userinfo(*url) + '"');
  }
  return *url;
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
  net::ProxyOptions options{read_proxy_url(*proxy, "http"), read_proxy_url(*proxy, "https"),
                            read_no_proxy(*proxy)};
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
  return use_agent ? net::ProxyOptions{agent.proxy.http, agent.proxy.https, agent.proxy.no_proxy}
                   : net::ProxyOptions{};
}

// --- authentication

/// Latin-1, when every character has a place in it.
std::string legacy_encoded(const std::string& text) {
  std::string latin;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      latin += text[i];
    } else if ((byte == 0xc2 || byte == 0xc3) && i + 1 < text.size()) {
      const auto next = static_cast<unsigned char>(text[++i]);
      latin += static_cast<char>(((byte & 0x3U) << 6U) | (next & 0x3fU));
    } else {
      return text;
    }
  }
  return latin;
}

void read_kerberos(Section& instance) {
  static constexpr std::array<std::pair<std::string_view, bool>, 3> words{
      {{"disabled", false}, {"optional", false}, {"required", true}}};
  const auto key = current_name(instance, "kerberos_auth", "kerberos");
  if (instance.one_of<bool>(key, words).value_or(false)) {
    instance.error(key, std::string(key) + ": required is not supported; use optional");
  }
  if (instance.boolean("kerberos_delegate").value_or(false)) {
    instance.error("kerberos_delegate", "kerberos_delegate is not supported; remove it");
  }
  static constexpr std::array<std::string_view, 1> without_effect{"kerberos_force_initiate"};
  instance.ignore(without_effect);
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> refused{{
      {"kerberos_cache", "set KRB5CCNAME in the environment of heapwatch"},
      {"kerberos_keytab", "set KRB5_CLIENT_KTNAME in the environment of heapwatch"},
      {"kerberos_principal", "get a ticket for it with kinit"},
      {"kerberos_hostname", "use the name of the service in the URL"},
  }};
  for (const auto& [name, instead] : refused) {
    if (is_set(instance, name)) {
      instance.error(name, std::string(name) + " is not supported; " + std::string(instead));
    }
  }
}

/// absent: aws, which is refused.
constexpr std::array<std::pair<std::string_view, std::optional<net::HttpAuth>>, 5> auth_types{{
    {"basic", net::HttpAuth::basic},
    {"digest", net::HttpAuth::digest},
    {"ntlm", net::HttpAuth::ntlm},
    {"kerberos", net::HttpAuth::kerberos},
    {"aws", std::nullopt},
}};

void read_auth(Section& instance, net::HttpRequest& request) {
  const auto named = instance.one_of<std::optional<net::HttpAuth>>("auth_type", auth_types);
  const auto username = instance.text("username");
  const auto password = instance.text("password");
  const auto domain = instance.text("ntlm_domain");
  const bool legacy_encoding = lenient_boolean(instance, "use_legacy_auth_encoding", true);
  static constexpr std::array<std::string_view, 3> aws{"aws_region", "aws_host", "aws_service"};
  instance.ignore(aws);
  read_kerberos(instance);
  if (named && !*named) {
    instance.error(
        "auth_type",
        "auth_type aws is not supported; use basic, digest, ntlm, kerberos or auth_token");
    return;
  }
  const net::HttpAuth type = named ? **named : net::HttpAuth::basic;
  request.username = username.value_or("");
  request.password = password.value_or("");
  if (type == net::HttpAuth::basic) {
    if (request.username.empty() || request.password.empty()) {
      request.username.clear();
      request.password.clear();
      return;
    }
    if (legacy_encoding) {
      request.username = legacy_encoded(request.username);
      request.password = legacy_encoded(request.password);
    }
  }
  if (type == net::HttpAuth::ntlm && domain) {
    const bool whole = request.username.empty() || domain->find('\\') != std::string::npos;
    request.username = whole ? *domain : *domain + "\\" + request.username;
  }
  request.auth = type;
}

// --- a token from a file

bool is_header_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 ||
                        std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) !=
                            std::string_view::npos);
  });
}

bool is_header_value(std::string_view value) {
  return value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

void read_token_reader(Section& reader, net::TokenFile& token) {
  static constexpr std::array<std::pair<std::string_view, bool>, 3> types{
      {{"file", true}, {"oauth", false}, {"dcos_auth", false}}};
  const auto is_file = reader.one_of<bool>("type", types);
  if (!is_file || !*is_file) {
    reader.error("type", is_file ? reader.name_of("type") + " " + shown(*reader.raw("type")) +
                                       " is not supported; write the token to a file and use file"
                                 : reader.name_of("type") + " must be file");
    return;
  }
  token.path = expanded(reader.text("path").value_or(""));
  if (token.path.empty()) {
    reader.error("path", reader.name_of("path") + " is missing; name the file of the token");
  }
  token.pattern = reader.text("pattern").value_or("");
  if (!token.pattern.empty()) {
    re2::RE2::Options quiet;
    quiet.set_log_errors(false);
    const re2::RE2 regex(token.pattern, quiet);
    if (!regex.ok()) {
      reader.error("pattern", reader.name_of("pattern") +
                                  " must be a regular expression (RE2): " + regex.error());
    } else if (regex.NumberOfCapturingGroups() != 1) {
      reader.error("pattern", reader.name_of("pattern") + " must have exactly 1 group, not " +
                                  std::to_string(regex.NumberOfCapturingGroups()));
    }
  }
  reader.finish();
}

void read_token_writer(Section& writer, net::TokenFile& token) {
  static constexpr std::array<std::pair<std::string_view, bool>, 1> types{{{"header", true}}};
  if (!writer.one_of<bool>("type", types)) {
    writer.error("type", writer.name_of("type") + " must be header");
    return;
  }
  token.header = writer.text("name").value_or("");
  if (!is_header_name(token.header)) {
    writer.error("name", writer.name_of("name") + " must be the name of a header, not \"" +
                             token.header + '"');
  }
  token.placeholder = writer.text("placeholder").value_or("<TOKEN>");
  token.value = writer.text("value").value_or(token.placeholder);
  if (token.placeholder.empty() || token.value.find(token.placeholder) == std::string::npos ||
      !is_header_value(token.value)) {
    writer.error("value", writer.name_of("value") +
                              " must be one line that holds the placeholder " + token.placeholder);
  }
  writer.finish();
}

std::optional<net::TokenFile> read_token(Section& instance) {
  auto section = instance.section("auth_token");
  if (!section) {
    return std::nullopt;
  }
  net::TokenFile token;
  auto reader = section->section("reader");
  auto writer = section->section("writer");
  if (!reader || !writer) {
    section->error("", "auth_token must have a reader and a writer");
    return std::nullopt;
  }
  read_token_reader(*reader, token);
  read_token_writer(*writer, token);
  section->finish();
  return token;
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
    if (is_header_name(name) && is_header_value(value)) {
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

}  // namespace heapwatch::check
