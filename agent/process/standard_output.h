// Standard output for what a command prints, and for nothing else.
#pragma once

#include "base/descriptor.h"

namespace heapwatch::agent::process {

/// While it lives, what anything in the process or a child of it prints to standard output goes to
/// standard error: the code of checks prints as it likes.
class StandardOutputAside {
 public:
  StandardOutputAside();
  StandardOutputAside(const StandardOutputAside&) = delete;
  StandardOutputAside& operator=(const StandardOutputAside&) = delete;
  ~StandardOutputAside();

 private:
  base::Descriptor kept_;
};

}  // namespace heapwatch::agent::process
