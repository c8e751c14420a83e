// What a subcommand says when it cannot do what it was asked.
#pragma once

#include <string_view>

namespace heapwatch::agent::commands {

/// Says why on standard error. Returns the exit status.
int fail_with(std::string_view why);

}  // namespace heapwatch::agent::commands
