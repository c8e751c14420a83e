#include "discovery/relabel/letters.h"

#include <clocale>
#include <cwctype>

#include "base/utf8.h"

namespace heapwatch::discovery::relabel {

namespace {

/// The C library has its tables built in, under this name.
locale_t unicode() {
  static const locale_t made = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return made;
}

constexpr std::uint32_t ascii_max = 0x7f;

template <typename Change>
std::string changed(std::string_view text, const Change& change) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const base::Character character = base::first_character(text);
    if (character.bytes == 0) {
      result += base::replacement_character;
      text.remove_prefix(1);
      continue;
    }
    base::append_character(result, static_cast<std::uint32_t>(change(character.code)));
    text.remove_prefix(character.bytes);
  }
  return result;
}

}  // namespace

bool is_letter_or_digit(std::uint32_t code) {
  if (code <= ascii_max) {
    return (code >= '0' && code <= '9') || (code >= 'a' && code <= 'z') ||
           (code >= 'A' && code <= 'Z');
  }
  return unicode() != nullptr && iswalnum_l(code, unicode()) != 0;
}

std::string to_lower(std::string_view text) {
  return changed(
      text, [](wint_t code) { return unicode() == nullptr ? code : towlower_l(code, unicode()); });
}

std::string to_upper(std::string_view text) {
  return changed(
      text, [](wint_t code) { return unicode() == nullptr ? code : towupper_l(code, unicode()); });
}

}  // namespace heapwatch::discovery::relabel
