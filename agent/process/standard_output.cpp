#include "agent/process/standard_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

namespace heapwatch::agent::process {

StandardOutputAside::StandardOutputAside() : kept_(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)) {
  std::cout.flush();
  (void)std::fflush(stdout);
  if (kept_) {
    (void)dup2(STDERR_FILENO, STDOUT_FILENO);
  }
}

StandardOutputAside::~StandardOutputAside() {
  (void)std::fflush(stdout);
  if (kept_) {
    (void)dup2(kept_.get(), STDOUT_FILENO);
  }
}

}  // namespace heapwatch::agent::process
