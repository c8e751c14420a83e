#include "exporters/remote_write/answer.h"

#include <algorithm>

#include "base/number.h"
#include "base/printable.h"
#include "base/text.h"
#include "base/utf8.h"
#include "net/http_date.h"

namespace heapwatch::exporters::remote_write {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view written_prefix = "x-prometheus-remote-write-";
constexpr std::string_view samples_written = "x-prometheus-remote-write-samples-written";

std::string_view header(const net::Headers& headers, std::string_view name) {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&](const auto& one) { return one.first == name; });
  return found == headers.end() ? std::string_view{} : std::string_view{found->second};
}

bool has_counts(const net::HttpResponse& response) {
  return std::any_of(response.headers.begin(), response.headers.end(), [](const auto& one) {
    return one.first.starts_with(written_prefix) && one.first.ends_with("-written");
  });
}

std::optional<std::uint64_t> count_of(std::string_view text) {
  const auto number = base::parse_number(base::trimmed(text));
  return number ? number->to_uint64() : std::nullopt;
}

std::string problem_of(const net::HttpResponse& response) {
  std::string problem = "it answers " + net::status_text(response.status);
  const std::string_view said =
      base::whole_characters(base::trimmed(response.body), said_bytes_max);
  if (!said.empty()) {
    problem += ": " + std::string(base::printable(said));
  }
  return problem;
}

constexpr int first_success = 200;
constexpr int first_redirect = 300;
constexpr int bad_request = 400;
constexpr int unsupported_media = 415;
constexpr int too_many = 429;
constexpr int first_server_error = 500;

Outcome outcome_of(const net::HttpResponse& response, Version version, const Spoken& spoken) {
  const int status = response.status;
  if (status >= first_success && status < first_redirect) {
    const bool decoded = version == Version::v1 || spoken.is_proven || has_counts(response);
    return decoded ? Outcome::taken : Outcome::other_version;
  }
  if (status >= first_server_error) {
    return Outcome::retry;
  }
  if (status == too_many) {
    return spoken.retry_on_429 ? Outcome::retry : Outcome::refused;
  }
  const bool is_new_to_2 = version == Version::v2 && !spoken.is_proven && !has_counts(response);
  if (status == unsupported_media || (status == bad_request && is_new_to_2)) {
    return Outcome::other_version;
  }
  return Outcome::refused;
}

}  // namespace

Answer judge(const net::HttpResult& result, Version version, const Spoken& spoken,
             base::Instant now) {
  Answer answer;
  if (!result) {
    answer.problem = result.error().message;
    return answer;
  }
  answer.outcome = outcome_of(*result, version, spoken);
  answer.written_samples = count_of(header(result->headers, samples_written));
  if (answer.outcome != Outcome::taken) {
    answer.problem = problem_of(*result);
  }
  if (answer.outcome == Outcome::retry) {
    answer.retry_after =
        parse_retry_after(header(result->headers, "retry-after"), now).value_or(milliseconds{0});
  }
  return answer;
}

std::optional<milliseconds> parse_retry_after(std::string_view text, base::Instant now) {
  text = base::trimmed(text);
  std::chrono::seconds wanted{0};
  if (const auto seconds = count_of(text)) {
    wanted = std::chrono::seconds(
        std::min<std::uint64_t>(*seconds, std::chrono::seconds(retry_after_max).count()));
  } else {
    const auto date = net::parse_http_date(text);
    if (!date) {
      return std::nullopt;
    }
    wanted = std::chrono::ceil<std::chrono::seconds>(*date - now.wall);
  }
  if (wanted.count() <= 0) {
    return std::nullopt;
  }
  return std::min<milliseconds>(wanted, retry_after_max);
}

}  // namespace heapwatch::exporters::remote_write
