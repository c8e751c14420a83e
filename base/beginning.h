// What a message quotes of a text that others wrote: its beginning.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace heapwatch::base {

/// As much of a name as tells people which it is.
inline constexpr std::size_t quoted_bytes_max = 200;

/// Where `text` is to be cut so that at most `bytes_max` bytes stay and no character of UTF-8 is
/// parted.
[[nodiscard]] std::size_t cut_at(std::string_view text, std::size_t bytes_max);

/// `text` when it has at most `bytes_max` bytes; else its beginning of about so many, and how long
/// the whole is: `/very/long/na... (40000 bytes)`.
[[nodiscard]] std::string beginning(std::string_view text,
                                    std::size_t bytes_max = quoted_bytes_max);

}  // namespace heapwatch::base
