// Tokens by OAuth 2.0's grant for client credentials (RFC 6749, section 4.4).
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "exporters/push/surroundings.h"
#include "net/http.h"

namespace heapwatch::exporters::push {

struct OAuth2Options {
  net::HttpRequest request;  // to the server of tokens: its URL, TLS, proxy and timeouts
  std::string client_id;
  std::string client_secret;
  std::string client_secret_file;  // read for each token; empty: `client_secret`
  std::vector<std::string> scopes;
  std::vector<std::pair<std::string, std::string>> endpoint_params;
};

/// Keeps one token, and gets a new one shortly before it is over, or when it was refused.
///
/// The credentials go into the header first, as the RFC prefers, and into the body where a server
/// does not take that.
///
/// Threads: those of Surroundings; it must outlive what it asked for.
class OAuth2 {
 public:
  OAuth2(OAuth2Options options, Surroundings& surroundings)
      : options_(std::move(options)), surroundings_(surroundings) {}

  /// Empty while there is none.
  [[nodiscard]] std::string current() const;
  /// Asks for a token, unless it does already; `done` hears what is wrong, or nothing.
  void renew(std::function<void(std::optional<base::Error>)> done);
  /// The receiver did not take it.
  void refused() { token_.clear(); }
  [[nodiscard]] bool is_asking() const { return is_asking_; }

 private:
  [[nodiscard]] base::Result<net::HttpRequestPtr> make_request() const;
  void ask(std::function<void(std::optional<base::Error>)> done);
  [[nodiscard]] std::optional<base::Error> take(const net::HttpResponse& response);

  OAuth2Options options_;
  Surroundings& surroundings_;
  std::string token_;
  std::chrono::steady_clock::time_point over_;
  bool is_asking_ = false;
  bool in_body_ = false;
};

}  // namespace heapwatch::exporters::push
