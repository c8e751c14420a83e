// A life as JSON tells it, on the live page and in incident files.
#pragma once

#include "base/json.h"
#include "history/store.h"

namespace heapwatch::history {

/// Members of the object that is open: all of a life but its number and its identity.
void write_life(base::JsonWriter& json, const Life& life);

}  // namespace heapwatch::history
