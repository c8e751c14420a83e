#include "base/beginning.h"

namespace heapwatch::base {

std::size_t cut_at(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) {
    return text.size();
  }
  // A character has at most four bytes; what goes on longer is no UTF-8, and is cut anywhere.
  constexpr std::size_t continuations_max = 3;
  std::size_t at = bytes_max;
  while (at > 0 && bytes_max - at < continuations_max &&
         (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80U) {
    --at;
  }
  return (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80U ? bytes_max : at;
}

std::string beginning(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) {
    return std::string(text);
  }
  return std::string(text.substr(0, cut_at(text, bytes_max))) + "... (" +
         std::to_string(text.size()) + " bytes)";
}

}  // namespace heapwatch::base
