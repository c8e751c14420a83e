// Colours, on a terminal only.
#pragma once

#include <string>
#include <string_view>

namespace heapwatch::agent::process {

enum class Color { red, yellow, green, cyan, white, bold };

/// Whether a stream (1 or 2) takes colours: it is a terminal, TERM is not "dumb" and NO_COLOR is
/// not set.
[[nodiscard]] bool takes_colors(int descriptor);

/// `text` in a colour, or as it is.
[[nodiscard]] std::string colored(std::string_view text, Color color, bool enabled);

}  // namespace heapwatch::agent::process
