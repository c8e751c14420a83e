// Makes any text one that a picture can hold: SVG is XML, in which most control characters and what
// is no UTF-8 cannot even be escaped.
#include "base/utf8.h"
#include "pprof/picture/picture.h"

namespace heapwatch::pprof::picture {
namespace {

/// The bytes of the UTF-8 character at the start, 0 when there is none that XML takes.
std::size_t character_bytes(std::string_view text) {
  const base::Character character = base::first_character(text);
  const bool is_refused_control = character.code < 0x20 && character.code != '\n' &&
                                  character.code != '\t' && character.code != '\r';
  const bool is_none = (character.code & 0xfffeU) == 0xfffe;
  return is_refused_control || is_none ? 0 : character.bytes;
}

}  // namespace

std::string make_drawable(std::string_view dot) {
  std::string out;
  out.reserve(dot.size());
  while (!dot.empty()) {
    const std::size_t size = character_bytes(dot);
    if (size == 0) {
      out += base::replacement_character;
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
