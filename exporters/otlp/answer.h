// What the answer to an export means: the rules of OTLP over HTTP, without any I/O.
#pragma once

#include "base/clock.h"
#include "exporters/push/answer.h"
#include "exporters/push/protocol.h"
#include "net/http.h"

namespace heapwatch::exporters::otlp {

/// 2xx: taken, but for as many points as the answer says were rejected, with its reason. No answer,
/// 502, 503, 504, and 429 unless it is not to be: again. All else: refused.
/// Source: OpenTelemetry Protocol, OTLP/HTTP Response
[[nodiscard]] push::Answer judge(const net::HttpResult& result, push::Version version,
                                 const push::Spoken& spoken, base::Instant now);

/// OTLP over HTTP, for the folder of all that is pushed: one version, gzip.
extern const push::Protocol protocol;

}  // namespace heapwatch::exporters::otlp
