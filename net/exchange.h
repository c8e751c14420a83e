// One exchange from the request to its response: a curl handle, and the hops it makes.
#pragma once

#include <curl/curl.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/curl_options.h"
#include "net/http.h"
#include "net/token_file.h"

namespace heapwatch::net {

/// The caller moves the bytes: begin(), run handle() in a multi handle, finish(); while finish()
/// returns nothing, run handle() again. May be used for any number of exchanges, one at a time.
///
/// Threads: one.
class Exchange {
 public:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] static base::Result<std::unique_ptr<Exchange>> create(TokenCache& tokens);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() = default;

  /// Cheap when the exchange before was for the same request. Errors: invalid.
  [[nodiscard]] base::Result<void> begin(HttpRequestPtr request, BodyFilterPtr filter = nullptr);

  /// The outcome after curl reported `code`, or nothing when there is another hop to run.
  [[nodiscard]] std::optional<HttpResult> finish(CURLcode code);

  /// When the other side will have been silent for too long, as far as is known: at the start, and
  /// at `now`.
  [[nodiscard]] Clock::time_point silent_at_first() const;
  [[nodiscard]] Clock::time_point silent_at(Clock::time_point now);
  [[nodiscard]] base::Error silence() const;

  [[nodiscard]] CURL* handle() const { return easy_.get(); }
  [[nodiscard]] const HttpRequest* request() const { return request_.get(); }

 private:
  using Easy = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
  enum class Refusal : std::uint8_t { none, body_too_large, headers_too_large, out_of_memory };

  Exchange(Easy easy, TokenCache& tokens);

  base::Result<void> prepare(Hop hop);
  base::Result<void> start_hop();
  [[nodiscard]] base::Error error(base::ErrorKind kind, const std::string& what) const;
  [[nodiscard]] base::Error failure(CURLcode code) const;
  base::Result<bool> follow_redirect();
  base::Result<bool> retry_with_new_token();
  bool take_header(std::string_view line);
  bool take_body(std::string_view bytes);
  /// What curl calls: bytes taken, none when `take` refuses or finds no memory for them.
  std::size_t taken(std::string_view bytes, bool (Exchange::*take)(std::string_view)) noexcept;
  bool begin_body();
  [[nodiscard]] bool wants_filter(std::size_t bytes) const;
  void begin_filter();

  static std::size_t on_header(char* data, std::size_t size, std::size_t count,
                               void* self) noexcept;
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) noexcept;

  Easy easy_;
  TokenCache* tokens_;
  CurlLists lists_;
  HttpRequestPtr request_;
  BodyFilterPtr filter_;
  bool is_stream_ = false;  // the filter is for bodies of any length
  Hop hop_;
  bool reusable_ = false;  // the handle's options are those of the request's first hop
  int redirects_ = 0;
  bool token_renewed_ = false;
  Clock::time_point began_;
  Clock::time_point hop_began_;
  Clock::time_point last_byte_;
  curl_off_t uploaded_ = 0;
  HttpResponse response_;
  std::size_t header_bytes_ = 0;
  bool in_headers_ = false;
  Refusal refusal_ = Refusal::none;
  std::array<char, CURL_ERROR_SIZE> detail_{};
};

}  // namespace heapwatch::net
