#include "agent/process/terminal.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <utility>

namespace heapwatch::agent::process {

bool takes_colors(int descriptor) {
  const char* const term = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe)
  const char* const refused = std::getenv("NO_COLOR");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  return isatty(descriptor) != 0 && !dumb && (refused == nullptr || *refused == '\0');
}

Colored colored(std::string text, Color color, bool enabled) {
  return {std::move(text), color, enabled};
}

std::ostream& operator<<(std::ostream& out, const Colored& colored) {
  if (!colored.is_enabled) {
    return out << colored.text;
  }
  const Color color = colored.color;
  const char* const start = color == Color::red      ? "\033[31m"
                            : color == Color::yellow ? "\033[33m"
                            : color == Color::green  ? "\033[32m"
                            : color == Color::cyan   ? "\033[96m"
                            : color == Color::white  ? "\033[97m"
                                                     : "\033[1m";
  return out << start << colored.text << "\033[0m";
}

void print_status(std::ostream& out, std::string_view text) {
  constexpr std::array<std::string_view, 4> colors{"\033[31m", "\033[33m", "\033[32m", "\033[0m"};
  while (!text.empty()) {
    std::string_view next;
    std::size_t at = text.size();
    for (const std::string_view color : colors) {
      if (const std::size_t found = text.find(color); found < at) {
        at = found;
        next = color;
      }
    }
    out << text.substr(0, at) << next;
    text.remove_prefix(at + next.size());
  }
}

}  // namespace heapwatch::agent::process
