// A profile as Pyroscope's APIs want it, and what their answers mean: no I/O.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "exporters/prometheus/labels.h"
#include "exporters/push/protocol.h"

namespace heapwatch::exporters::pyroscope {

/// Source: Grafana Pyroscope, Server HTTP API; push.v1.PusherService
enum class Api : std::uint8_t {
  push,         // Protocol Buffers, by the Connect protocol
  ingest,       // a profile as it is, and a query
  ingest_form,  // the same as a form, with what its values mean
};

/// A heap profile that is ready to be sent.
struct Ready {
  std::string service;
  std::string_view spy;  // a literal
  prometheus::Labels labels;
  std::chrono::system_clock::time_point from;  // of what was allocated
  std::chrono::system_clock::time_point until;
  std::string profile;  // gzip
};

[[nodiscard]] std::string message_of(const Ready& ready, Api api);

[[nodiscard]] const push::Protocol& protocol_of(Api api);

/// Below the address of the server.
[[nodiscard]] std::string_view path_of(Api api);

/// 2xx: taken. No answer, 5xx, and 429 unless it is not to be: again. All else: refused.
[[nodiscard]] push::Answer judge(const net::HttpResult& result, push::Version version,
                                 const push::Spoken& spoken, base::Instant now);

}  // namespace heapwatch::exporters::pyroscope
