#include "check/http/http_auth_options.h"

#include <re2/re2.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "check/http/option_forms.h"

namespace heapwatch::check::http {

using config::Section;

namespace {

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

}  // namespace

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

namespace {

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
  if (!base::is_token(token.header)) {
    writer.error("name", writer.name_of("name") + " must be the name of a header, not \"" +
                             token.header + '"');
  }
  token.placeholder = writer.text("placeholder").value_or("<TOKEN>");
  token.value = writer.text("value").value_or(token.placeholder);
  if (token.placeholder.empty() || token.value.find(token.placeholder) == std::string::npos ||
      !base::is_one_line(token.value)) {
    writer.error("value", writer.name_of("value") +
                              " must be one line that holds the placeholder " + token.placeholder);
  }
  writer.finish();
}

}  // namespace

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

}  // namespace heapwatch::check::http
