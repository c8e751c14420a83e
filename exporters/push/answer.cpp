#include "exporters/push/answer.h"

#include <algorithm>

#include "base/number.h"
#include "base/printable.h"
#include "base/text.h"
#include "base/utf8.h"
#include "net/http_date.h"

namespace heapwatch::exporters::push {

using std::chrono::milliseconds;

std::string_view header(const net::Headers& headers, std::string_view name) {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&](const auto& one) { return one.first == name; });
  return found == headers.end() ? std::string_view{} : std::string_view{found->second};
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

std::optional<milliseconds> parse_retry_after(std::string_view text, base::Instant now) {
  text = base::trimmed(text);
  std::chrono::seconds wanted{0};
  const auto number = base::parse_number(text);
  if (const auto seconds = number ? number->to_uint64() : std::nullopt) {
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

milliseconds retry_after(const net::Headers& headers, base::Instant now) {
  return parse_retry_after(header(headers, "retry-after"), now).value_or(milliseconds{0});
}

}  // namespace heapwatch::exporters::push
