// A reply from what a handler made of it to the bytes that are sent.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/request_head.h"
#include "net/server_message.h"

namespace heapwatch::net {

/// Which requests a server answers.
struct ServerRules {
  bool is_loopback = false;        // then only under names that are this machine's
  std::size_t body_bytes_max = 0;  // of a POST; 0: none is served
};

struct RenderedReply {
  std::string head;                         // without what closing_lines() adds
  std::shared_ptr<const std::string> body;  // held once for all who get it; null for HEAD
};

/// How a head ends.
[[nodiscard]] std::string_view closing_lines(bool close);

[[nodiscard]] ServerReply refusal_reply(const Refusal& refusal);

/// The reply to a request that no handler sees: 405, 411, 413, 421.
[[nodiscard]] std::optional<ServerReply> refuse(const RequestHead& head, const ServerRules& rules);

/// What the handler answers, or a 500 when it throws or a header of its reply breaks the line.
[[nodiscard]] ServerReply answer(const ServerHandler& handler, const ServerRequest& request);

/// Compressed where that is worth it and wanted.
[[nodiscard]] RenderedReply render(const ServerRequest& request, ServerReply reply);

}  // namespace heapwatch::net
