// Remote write, for the folder of all that is pushed.
#pragma once

#include "exporters/push/protocol.h"

namespace heapwatch::exporters::remote_write {

extern const push::Protocol protocol;

}  // namespace heapwatch::exporters::remote_write
