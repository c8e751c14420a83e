#include "check/go_expvar/name.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/utf8.h"
#include "check/go_expvar/ascii_table.h"

namespace heapwatch::check::go_expvar {

namespace {

constexpr bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
constexpr bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
constexpr bool is_letter(char c) {
  return is_lower(c) || is_upper(c);
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_name_character(char c) {
  return is_letter(c) || is_digit(c) || c == '_' || c == '.';
}

void append_ascii(std::string& out, std::uint32_t point) {
  const auto table = ascii_table();
  const auto after =
      std::upper_bound(table.begin(), table.end(), point,
                       [](std::uint32_t p, const AsciiRun& run) { return p < run.first; });
  if (after == table.begin()) {
    return;
  }
  const AsciiRun& run = *(after - 1);
  if (point - run.first >= run.count) {
    return;
  }
  out += run.count == 1 ? run.texts : run.texts.substr(point - run.first, 1);
}

/// `_` before each capital that begins a word ("HeapAlloc"), whatever stands before it.
std::string part_words(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    out += text[i];
    if (text[i] == '\n' || i + 2 >= text.size() || !is_upper(text[i + 1]) ||
        !is_lower(text[i + 2])) {
      ++i;
      continue;
    }
    out += '_';
    out += text[++i];
    for (++i; i < text.size() && is_lower(text[i]); ++i) {
      out += text[i];
    }
  }
  return out;
}

/// `_` between a small letter or digit and a capital ("numGC"), then all in small letters.
std::string part_capitals(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if ((is_lower(text[i]) || is_digit(text[i])) && i + 1 < text.size() && is_upper(text[i + 1])) {
      out += '_';
      out += text[++i];
    }
  }
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

/// `_` for each run of characters a name cannot hold, and for what stands before the first letter.
std::string replace_invalid(std::string_view text) {
  std::string out;
  std::size_t i = 0;
  if (!text.empty() && is_name_character(text[0]) && !is_letter(text[0])) {
    out += '_';
    while (i < text.size() && !is_letter(text[i])) {
      ++i;
    }
  }
  while (i < text.size()) {
    if (is_name_character(text[i])) {
      out += text[i++];
      continue;
    }
    out += '_';
    while (i < text.size() && !is_name_character(text[i])) {
      ++i;
    }
  }
  return out;
}

/// No `_` next to a dot nor at the ends.
std::string trim_underscores(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '.') {
      out.erase(out.find_last_not_of('_') + 1);
    }
    if (c != '_' || (!out.empty() && out.back() != '.')) {
      out += c;
    }
  }
  out.erase(out.find_last_not_of('_') + 1);
  return out;
}

std::string snake_case(std::string_view text) {
  return trim_underscores(replace_invalid(part_capitals(part_words(text))));
}

}  // namespace

std::string ascii_of(std::string_view utf8) {
  std::string out;
  while (!utf8.empty()) {
    const base::Character character = base::first_character(utf8);
    if (character.bytes == 1) {
      out += utf8.front();
    } else if (character.bytes != 0) {
      append_ascii(out, character.code);
    }
    utf8.remove_prefix(std::max<std::size_t>(character.bytes, 1));
  }
  return out;
}

std::string normalize(std::string_view metric, const std::optional<std::string>& prefix) {
  std::string name = snake_case(ascii_of(metric));
  name.erase(
      std::unique(name.begin(), name.end(), [](char a, char b) { return a == '_' && b == '_'; }),
      name.end());
  return prefix ? snake_case(*prefix) + '.' + name : name;
}

}  // namespace heapwatch::check::go_expvar
