// What the answer to a request means: the rules of remote write, without any I/O.
#pragma once

#include "base/clock.h"
#include "exporters/push/answer.h"
#include "exporters/remote_write/parts.h"
#include "net/http.h"

namespace heapwatch::exporters::remote_write {

/// 2xx: taken, but for a 2.0 message whose answer lacks the counts that 2.0 demands, from a
/// receiver that was not seen to know 2.0: such a one has decoded nothing. 5xx, no answer, and 429
/// unless it is not to be: again. 415, and 400 to 2.0 by a receiver that was not seen to know it:
/// the other version. All else: refused.
[[nodiscard]] Answer judge(const net::HttpResult& result, Version version, const Spoken& spoken,
                           base::Instant now);

}  // namespace heapwatch::exporters::remote_write
