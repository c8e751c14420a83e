// What a server's handler is asked, and what it answers.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "net/http.h"

namespace heapwatch::net {

struct ServerRequest {
  std::string method;
  std::string path;   // "/debug/vars", decoded
  std::string query;  // without "?", as it came
  Headers headers;    // names in lower case
  std::string body;   // of a POST

  /// The value of a header, empty when it is absent.
  [[nodiscard]] std::string_view header(std::string_view lower_case_name) const;
};

struct ServerReply {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  Headers headers;
};

/// A sentence as a page: what is wrong, or done.
[[nodiscard]] inline ServerReply text_reply(int status, std::string_view sentence) {
  return {.status = status, .body = std::string(sentence) + "\n"};
}

/// Threads: called from several at once.
using ServerHandler = std::function<ServerReply(const ServerRequest&)>;

}  // namespace heapwatch::net
