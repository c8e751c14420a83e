#include "agent/process/terminal.h"

#include <unistd.h>

#include <cstdlib>

namespace heapwatch::agent::process {

bool takes_colors(int descriptor) {
  const char* const term = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe)
  const char* const refused = std::getenv("NO_COLOR");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  return isatty(descriptor) != 0 && !dumb && (refused == nullptr || *refused == '\0');
}

std::string colored(std::string_view text, Color color, bool enabled) {
  if (!enabled) {
    return std::string(text);
  }
  const char* const start = color == Color::red      ? "\033[31m"
                            : color == Color::yellow ? "\033[33m"
                            : color == Color::green  ? "\033[32m"
                            : color == Color::cyan   ? "\033[96m"
                            : color == Color::white  ? "\033[97m"
                                                     : "\033[1m";
  return start + std::string(text) + "\033[0m";
}

}  // namespace heapwatch::agent::process
