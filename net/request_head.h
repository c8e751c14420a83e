// The head of an HTTP request, from bytes.
//
// Strict, since what two programs read differently is how a request is smuggled past one of them:
// lines end in CR LF, nothing is folded, a name touches its colon, and how long the body is has one
// answer. Source: RFC 9112.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "net/server_message.h"

namespace heapwatch::net {

/// The most headers a request may have.
constexpr std::size_t request_headers_max = 100;

struct RequestHead {
  ServerRequest request;  // without its body
  std::uint64_t content_length = 0;
  bool is_chunked = false;  // or coded otherwise: no length is known
  bool keeps_alive = false;
  bool expects_continue = false;  // the client waits for a "100 Continue" before its body

  [[nodiscard]] bool has_body() const { return is_chunked || content_length > 0; }
};

/// Why a request is not answered by the handler.
struct Refusal {
  int status = 400;
  std::string sentence;
};

/// Where the head at the front of `bytes` ends, behind its empty line; nothing while more has to
/// come. `looked_at`: as much was there at the call before.
[[nodiscard]] std::optional<std::size_t> head_end(std::string_view bytes, std::size_t looked_at);

/// Whether `bytes` can be the beginning of a request, so that a client that speaks another protocol
/// (TLS, say) hears so at once.
[[nodiscard]] bool may_be_request(std::string_view bytes);

/// `bytes` is a whole head, with its empty line.
[[nodiscard]] tl::expected<RequestHead, Refusal> parse_request_head(std::string_view bytes);

}  // namespace heapwatch::net
