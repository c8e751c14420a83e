// Makes any text one that a picture can hold: SVG is XML, in which most control characters and what
// is no UTF-8 cannot even be escaped.
#include "pprof/picture/picture.h"

namespace heapwatch::pprof::picture {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

/// The bytes of the UTF-8 character at the start, 0 when there is none that XML takes.
std::size_t character_bytes(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned first = byte(0);
  if (first < 0x80) {
    return first >= 0x20 || first == '\n' || first == '\t' || first == '\r' ? 1 : 0;
  }
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || size > text.size()) {
    return 0;
  }
  char32_t value = first & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) {
      return 0;
    }
    value = value << 6U | (byte(i) & 0x3fU);
  }
  constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
  const bool is_none = (value & 0xfffeU) == 0xfffe || value > 0x10ffff;
  return value < least[size] || is_surrogate || is_none ? 0 : size;
}

}  // namespace

std::string make_drawable(std::string_view dot) {
  std::string out;
  out.reserve(dot.size());
  while (!dot.empty()) {
    const std::size_t size = character_bytes(dot);
    if (size == 0) {
      out += replacement;
    } else if (dot[0] == '&') {
      out += "&amp;";  // Graphviz would take `&lt;` in a name for a character
    } else {
      out.append(dot.substr(0, size));
    }
    dot.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

}  // namespace heapwatch::pprof::picture
