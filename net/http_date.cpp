#include "net/http_date.h"

#include <curl/curl.h>

#include <ctime>
#include <string>

namespace heapwatch::net {

std::optional<std::chrono::system_clock::time_point> parse_http_date(std::string_view text) {
  const std::time_t date = curl_getdate(std::string(text).c_str(), nullptr);
  if (text.empty() || date < 0) {
    return std::nullopt;
  }
  return std::chrono::system_clock::from_time_t(date);
}

}  // namespace heapwatch::net
