// Any bytes as the head of a request, whole and as a client could send them in two parts.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/request_head.h"
#include "net/server_reply.h"

namespace {

using namespace heapwatch::net;

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

bool holds_control(std::string_view text) {
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) {
      return true;
    }
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)may_be_request(bytes);
  const auto end = head_end(bytes, 0);
  for (std::size_t first = 0; end && first < *end; ++first) {
    require(!head_end(bytes.substr(0, first), 0));
    require(head_end(bytes, first) == end);
  }
  const auto head = parse_request_head(end ? bytes.substr(0, *end) : bytes);
  if (!head) {
    require(head.error().status >= 400 && head.error().status < 600);
    require(!holds_control(head.error().sentence));
    return 0;
  }
  const ServerRequest& request = head->request;
  require(!request.method.empty() && !holds_control(request.method));
  require((request.path == "*" || request.path.front() == '/') && !holds_control(request.path));
  require(!holds_control(request.query) && request.query.find(' ') == std::string::npos);
  require(request.headers.size() <= request_headers_max);
  for (const auto& [name, value] : request.headers) {
    require(!name.empty() && !holds_control(name) && !holds_control(value));
    require(name.find_first_of(" \t:") == std::string::npos);
  }
  require(!(head->is_chunked && head->content_length > 0));
  for (const bool is_loopback : {false, true}) {
    if (auto refusal = refuse(*head, {.is_loopback = is_loopback, .body_bytes_max = 100})) {
      require(refusal->status >= 400);
      const RenderedReply reply = render(request, *std::move(refusal));
      // What came from the client does not end a line of the reply's head.
      require(reply.head.find("\r\n\r\n") == std::string::npos);
    }
  }
  return 0;
}
