// A filter that sees a body while it arrives, however short it is.
#pragma once

#include "net/http.h"

namespace heapwatch::net {

/// Of a body whose parts mean something by themselves, as the lines of a watch: other filters are
/// not asked before a body is long.
class StreamFilter : public BodyFilter {};

}  // namespace heapwatch::net
