#include "exporters/remote_write/answer.h"

#include <algorithm>

#include "base/number.h"
#include "base/text.h"

namespace heapwatch::exporters::remote_write {

namespace {

constexpr std::string_view written_prefix = "x-prometheus-remote-write-";
constexpr std::string_view samples_written = "x-prometheus-remote-write-samples-written";

bool has_counts(const net::HttpResponse& response) {
  return std::any_of(response.headers.begin(), response.headers.end(), [](const auto& one) {
    return one.first.starts_with(written_prefix) && one.first.ends_with("-written");
  });
}

std::optional<std::uint64_t> count_of(std::string_view text) {
  const auto number = base::parse_number(base::trimmed(text));
  return number ? number->to_uint64() : std::nullopt;
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
  answer.written_samples = count_of(push::header(result->headers, samples_written));
  if (answer.outcome != Outcome::taken) {
    answer.problem = push::problem_of(*result);
  }
  if (answer.outcome == Outcome::retry) {
    answer.retry_after = push::retry_after(result->headers, now);
  }
  return answer;
}

}  // namespace heapwatch::exporters::remote_write
