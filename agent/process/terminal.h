// Colours, on a terminal only.
#pragma once

#include <ostream>
#include <string>
#include <string_view>

namespace heapwatch::agent::process {

enum class Color { red, yellow, green, cyan, white, bold };

/// Whether a stream (1 or 2) takes colours: it is a terminal, TERM is not "dumb" and NO_COLOR is
/// not set.
[[nodiscard]] bool takes_colors(int descriptor);

/// `text` in a colour, or as it is. Written in three parts, so that base::PrintableStream can tell
/// the colour from what the text may hold.
struct Colored {
  std::string text;
  Color color;
  bool is_enabled;
};
std::ostream& operator<<(std::ostream& out, const Colored& colored);
[[nodiscard]] Colored colored(std::string text, Color color, bool enabled);

/// Text with the colours of a status page, which come through base::PrintableStream.
void print_status(std::ostream& out, std::string_view text);

}  // namespace heapwatch::agent::process
