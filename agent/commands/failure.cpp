#include "agent/commands/failure.h"

#include <iostream>

namespace heapwatch::agent::commands {

int fail_with(std::string_view why) {
  std::cerr << "heapwatch: " << why << '\n';
  return 1;
}

}  // namespace heapwatch::agent::commands
