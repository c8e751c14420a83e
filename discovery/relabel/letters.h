// Letters of all scripts, whatever the locale of the process is. Private to this folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace heapwatch::discovery::relabel {

[[nodiscard]] bool is_letter_or_digit(std::uint32_t code);
[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] std::string to_upper(std::string_view text);

}  // namespace heapwatch::discovery::relabel
