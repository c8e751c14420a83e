// Names for profiles by the files of this machine.
#pragma once

#include "pprof/driver/symbolize.h"

namespace heapwatch::agent {

/// Sets what asks no program. Files are opened when a profile needs them.
void use_local_symbols(pprof::SymbolSeams& seams);

}  // namespace heapwatch::agent
