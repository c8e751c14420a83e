#include "discovery/relabel/expand.h"

#include <algorithm>
#include <charconv>
#include <cstddef>

#include "base/utf8.h"
#include "discovery/relabel/letters.h"

namespace heapwatch::discovery::relabel {

namespace {

/// The bytes of the name that `text` begins with.
std::size_t name_bytes(std::string_view text) {
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    const base::Character character = base::first_character(text.substr(bytes));
    if (character.bytes == 0 || (character.code != '_' && !is_letter_or_digit(character.code))) {
      break;
    }
    bytes += character.bytes;
  }
  return bytes;
}

/// A name that stands behind a `$`.
struct Reference {
  std::string_view name;
  std::size_t bytes = 0;  // with its braces; 0: there is none
};

Reference reference_at(std::string_view text) {
  const bool in_braces = text.starts_with('{');
  const std::string_view inner = text.substr(in_braces ? 1 : 0);
  const std::size_t bytes = name_bytes(inner);
  if (bytes == 0 || (in_braces && (bytes == inner.size() || inner[bytes] != '}'))) {
    return {};
  }
  return {.name = inner.substr(0, bytes), .bytes = bytes + (in_braces ? 2 : 0)};
}

/// A number is one without a zero in front, and of a size that a number of groups can have.
std::string_view group_of(std::string_view name, const re2::RE2& regex, const Groups& groups) {
  const bool is_number =
      std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
      (name.size() == 1 || name.front() != '0');
  std::size_t index = 0;
  if (is_number) {
    const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), index);
    if (failure != std::errc{}) {
      return {};
    }
  } else {
    const auto& names = regex.NamedCapturingGroups();
    const auto found = names.find(std::string(name));
    if (found == names.end()) {
      return {};
    }
    index = static_cast<std::size_t>(found->second);
  }
  return index < groups.size() ? std::string_view(groups[index].data(), groups[index].size())
                               : std::string_view();
}

}  // namespace

std::optional<Groups> match(const re2::RE2& regex, std::string_view text) {
  Groups groups(static_cast<std::size_t>(regex.NumberOfCapturingGroups()) + 1);
  const re2::StringPiece subject(text.data(), text.size());
  if (!regex.Match(subject, 0, text.size(), re2::RE2::UNANCHORED, groups.data(),
                   static_cast<int>(groups.size()))) {
    return std::nullopt;
  }
  return groups;
}

std::string expand(std::string_view text, const re2::RE2& regex, const Groups& groups) {
  std::string result;
  while (true) {
    const std::size_t dollar = text.find('$');
    result += text.substr(0, dollar);
    if (dollar == std::string_view::npos) {
      return result;
    }
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      result += '$';
      text.remove_prefix(1);
      continue;
    }
    const Reference reference = reference_at(text);
    if (reference.bytes == 0) {
      result += '$';
      continue;
    }
    result += group_of(reference.name, regex, groups);
    text.remove_prefix(reference.bytes);
  }
}

}  // namespace heapwatch::discovery::relabel
