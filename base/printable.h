// Text of others, made fit to be read by people.
#pragma once

#include <string>
#include <string_view>

namespace heapwatch::base {

/// `text` without what would steer a terminal, begin a line of a log or turn the direction of
/// writing: control characters become `\n`, `\t`, `\r`, `\x1b` or `\u009b`, marks of the direction
/// of writing and Unicode's line ends become `\u202e`, bytes that are no UTF-8 become `\xff`. The
/// rest stays as it is, a backslash too: this is for reading, not for reading back.
[[nodiscard]] std::string printable(std::string_view text);

/// The same for text that has lines: newlines and tabs stay.
[[nodiscard]] std::string printable_lines(std::string_view text);

}  // namespace heapwatch::base
