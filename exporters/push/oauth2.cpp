#include "exporters/push/oauth2.h"

#include <algorithm>
#include <memory>

#include "base/file.h"
#include "base/json_document.h"
#include "base/text.h"
#include "net/target.h"

namespace heapwatch::exporters::push {

namespace {

using base::Error;
using base::ErrorKind;
using base::fail;

constexpr std::size_t secret_bytes_max = std::size_t{64} * 1024;
constexpr std::size_t token_answer_bytes_max = std::size_t{1} << 20U;
/// Before a token is over, so that none is over on its way.
constexpr std::chrono::seconds early{10};
/// Of a token of which the server does not say it.
constexpr std::chrono::hours usual_life{1};
constexpr double life_seconds_max = 86'400.0 * 365;

std::string form_encoded(std::string_view text) {
  return base::percent_encoded(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
  });
}

void add_to_form(std::string& form, std::string_view name, std::string_view value) {
  form += form.empty() ? "" : "&";
  form += form_encoded(name) + "=" + form_encoded(value);
}

}  // namespace

std::string OAuth2::current() const {
  return surroundings_.now().steady < over_ ? token_ : std::string();
}

void OAuth2::renew(std::function<void(std::optional<Error>)> done) {
  if (!is_asking_) {
    is_asking_ = true;
    ask(std::move(done));
  }
}

base::Result<net::HttpRequestPtr> OAuth2::make_request() const {
  std::string secret = options_.client_secret;
  if (!options_.client_secret_file.empty()) {
    const auto text = base::read_file(options_.client_secret_file, secret_bytes_max);
    if (!text) {
      return tl::unexpected(text.error());
    }
    secret = std::string(base::trimmed(*text));
  }
  auto request = std::make_shared<net::HttpRequest>(options_.request);
  request->method = "POST";
  request->body_bytes_max = token_answer_bytes_max;
  request->headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  request->headers.emplace_back("Accept", "application/json");
  add_to_form(request->body, "grant_type", "client_credentials");
  if (in_body_) {
    add_to_form(request->body, "client_id", options_.client_id);
    add_to_form(request->body, "client_secret", secret);
  } else {
    request->auth = net::HttpAuth::basic;
    request->username = form_encoded(options_.client_id);
    request->password = form_encoded(secret);
  }
  if (!options_.scopes.empty()) {
    std::string scopes;
    for (const std::string& scope : options_.scopes) {
      scopes += (scopes.empty() ? "" : " ") + scope;
    }
    add_to_form(request->body, "scope", scopes);
  }
  for (const auto& [name, value] : options_.endpoint_params) {
    add_to_form(request->body, name, value);
  }
  return request;
}

void OAuth2::ask(std::function<void(std::optional<Error>)> done) {
  auto request = make_request();
  if (!request) {
    surroundings_.at(surroundings_.now().steady,
                     [this, done = std::move(done), error = request.error()] {
                       is_asking_ = false;
                       done(error);
                     });
    return;
  }
  surroundings_.fetch(*request, [this, done = std::move(done)](const net::HttpResult& result) {
    constexpr int bad_request = 400;
    constexpr int unauthorized = 401;
    if (result && !in_body_ && (result->status == bad_request || result->status == unauthorized)) {
      in_body_ = true;
      ask(done);
      return;
    }
    is_asking_ = false;
    done(result ? take(*result) : std::optional(result.error()));
  });
}

std::optional<Error> OAuth2::take(const net::HttpResponse& response) {
  const std::string where = options_.request.shown_as.empty() ? net::shown_url(options_.request.url)
                                                              : options_.request.shown_as;
  constexpr int ok = 200;
  if (response.status != ok) {
    in_body_ = false;  // both ways again, when the server is in order
    return Error{ErrorKind::refused,
                 "no token from " + where + ": it answers " + net::status_text(response.status)};
  }
  const auto document = base::parse_json(response.body);
  const std::string token = document ? base::json_text(*document, "access_token") : std::string();
  const bool fits =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c != '\x7f'; });
  if (token.empty() || !fits) {
    return Error{ErrorKind::invalid, "no token from " + where + ": its answer has no access_token"};
  }
  const base::JsonValue* const life = base::json_member(*document, "expires_in");
  std::chrono::duration<double> seconds = usual_life;
  if (life != nullptr && life->IsNumber()) {
    seconds = std::chrono::duration<double>(std::clamp(life->GetDouble(), 0.0, life_seconds_max));
  }
  token_ = token;
  over_ = surroundings_.now().steady +
          std::chrono::duration_cast<std::chrono::steady_clock::duration>(
              std::max<std::chrono::duration<double>>(seconds - early, seconds / 2));
  return std::nullopt;
}

}  // namespace heapwatch::exporters::push
