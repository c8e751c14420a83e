#include "expvar/path.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace heapwatch::expvar {

namespace {

constexpr std::int64_t regex_bytes_max = std::int64_t{1} << 20;
constexpr std::size_t segments_max = 64;

re2::RE2::Options regex_options() {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(regex_bytes_max);
  return options;
}

/// Characters outside ASCII mean themselves in a regular expression too, so they need no telling
/// letters from signs.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           static_cast<unsigned char>(c) >= 0x80;
  });
}

/// RE2 spells for what Python's classes mean in text; nothing where the two agree or RE2 has no
/// word for it.
std::optional<std::string_view> unicode_class(char letter, bool in_brackets) {
  switch (letter) {
    case 'd':
      return "\\p{Nd}";
    case 'D':
      return "\\P{Nd}";
    case 'w':
      return in_brackets ? "\\p{L}\\p{N}_" : "[\\p{L}\\p{N}_]";
    case 's':
      return in_brackets ? "\\s\\v\\x{1c}-\\x{1f}\\x{85}\\p{Z}"
                         : "[\\s\\v\\x{1c}-\\x{1f}\\x{85}\\p{Z}]";
    case 'W':
      return in_brackets ? std::nullopt : std::optional<std::string_view>("[^\\p{L}\\p{N}_]");
    case 'S':
      return in_brackets ? std::nullopt
                         : std::optional<std::string_view>("[^\\s\\v\\x{1c}-\\x{1f}\\x{85}\\p{Z}]");
    default:
      return std::nullopt;
  }
}

std::string with_unicode_classes(std::string_view text) {
  std::string out;
  std::size_t brackets_at = std::string_view::npos;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool in_brackets = brackets_at != std::string_view::npos;
    if (text[i] == '\\' && i + 1 < text.size()) {
      const char letter = text[++i];
      if (const auto spelled = unicode_class(letter, in_brackets)) {
        out += *spelled;
      } else {
        out += '\\';
        out += letter;
      }
      continue;
    }
    if (!in_brackets && text[i] == '[') {
      brackets_at = i;
    } else if (in_brackets && text[i] == ']') {
      // "[]a]" and "[^]a]": a bracket that comes first is a member.
      const auto body = text.substr(brackets_at + 1, i - brackets_at - 1);
      if (!body.empty() && body != "^") {
        brackets_at = std::string_view::npos;
      }
    }
    out += text[i];
  }
  return out;
}

base::Result<std::shared_ptr<const re2::RE2>> compile(std::string_view text) {
  const std::string pattern = with_unicode_classes(text);
  // Alone first: RE2 takes `^*$`, where nobody meant what it makes of it.
  const re2::RE2 alone(pattern, regex_options());
  auto anchored = std::make_shared<const re2::RE2>("^" + pattern + "$", regex_options());
  const re2::RE2& wrong = alone.ok() ? *anchored : alone;
  if (wrong.ok()) {
    return anchored;
  }
  std::string message =
      "path segment \"" + std::string(text) + "\" is no regular expression: " + wrong.error();
  if (text == "*") {
    message += "; write \".*\" for every key";
  }
  return base::fail(base::ErrorKind::invalid, std::move(message));
}

/// `.*` stops at a line feed, except one at the very end.
bool every_matches(std::string_view key) {
  const auto line_feed = key.find('\n');
  return line_feed == std::string_view::npos || line_feed + 1 == key.size();
}

/// Calls `use` with the keys among which `$` can stand: the key, and the key without a last line
/// feed; until it returns true.
template <typename Use>
bool with_ends(std::string_view key, const Use& use) {
  if (use(key)) {
    return true;
  }
  return !key.empty() && key.back() == '\n' && use(key.substr(0, key.size() - 1));
}

std::string escaped_slashes(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '/') {
      out += '\\';
    }
    out += c;
  }
  return out;
}

/// `\/` as `/`; any other escape is the regular expression's.
std::string without_escaped_slashes(std::string_view segment) {
  std::string out;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] == '\\' && i + 1 < segment.size()) {
      out += segment[i + 1] == '/' ? "" : "\\";
      ++i;
    }
    out += segment[i];
  }
  return out;
}

}  // namespace

base::Result<Segment> Segment::parse(std::string_view text) {
  Segment segment;
  segment.text_ = text;
  if (is_plain(text)) {
    return segment;
  }
  auto pattern = compile(text);
  if (!pattern) {
    return tl::unexpected(pattern.error());
  }
  const auto& groups = (*pattern)->NamedCapturingGroups();
  const bool is_every =
      text == ".*" || (groups.size() == 1 && text == "(?P<" + groups.begin()->first + ">.*)");
  segment.kind_ = is_every ? Kind::every : Kind::pattern;
  if (!is_every || !groups.empty()) {
    segment.pattern_ = std::move(*pattern);
  }
  return segment;
}

bool Segment::matches(std::string_view key) const {
  switch (kind_) {
    case Kind::literal:
      return key == text_;
    case Kind::every:
      return every_matches(key);
    case Kind::pattern:
      break;
  }
  return with_ends(key, [&](std::string_view end) {
    return pattern_->Match({end.data(), end.size()}, 0, end.size(), re2::RE2::ANCHOR_START, nullptr,
                           0);
  });
}

std::string Segment::capture(std::string_view key,
                             std::vector<std::pair<std::string, std::string>>& out) const {
  if (!pattern_ || pattern_->NumberOfCapturingGroups() == 0) {
    return std::string(key);
  }
  std::vector<re2::StringPiece> groups(
      static_cast<std::size_t>(pattern_->NumberOfCapturingGroups()) + 1);
  with_ends(key, [&](std::string_view end) {
    return pattern_->Match({end.data(), end.size()}, 0, end.size(), re2::RE2::ANCHOR_START,
                           groups.data(), static_cast<int>(groups.size()));
  });
  std::vector<bool> captured(key.size());
  for (const auto& [index, name] : pattern_->CapturingGroupNames()) {
    const re2::StringPiece& text = groups[static_cast<std::size_t>(index)];
    if (text.data() != nullptr) {
      out.emplace_back(name, std::string(text.data(), text.size()));
      const auto first = captured.begin() + (text.data() - key.data());
      std::fill(first, first + static_cast<std::ptrdiff_t>(text.size()), true);
    }
  }
  std::string rest;
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (!captured[i]) {
      rest += key[i];
    }
  }
  return rest;
}

std::string Path::text() const {
  std::string out;
  for (const Segment& segment : segments) {
    out += (&segment == segments.data() ? "" : "/") + escaped_slashes(segment.text());
  }
  return out;
}

base::Result<Path> make_path(std::span<const std::string> segments) {
  if (segments.size() > segments_max) {
    return base::fail(base::ErrorKind::limit, "a path has at most " + std::to_string(segments_max) +
                                                  " segments, not " +
                                                  std::to_string(segments.size()));
  }
  Path path;
  for (const std::string& text : segments) {
    if (text.size() > path_bytes_max) {
      return base::fail(base::ErrorKind::limit,
                        "a path has at most " + std::to_string(path_bytes_max) + " bytes");
    }
    auto segment = Segment::parse(without_escaped_slashes(text));
    if (!segment) {
      return tl::unexpected(segment.error());
    }
    if (segment->is_literal() && segment->text().size() > key_bytes_max) {
      return base::fail(base::ErrorKind::limit,
                        "a key of a path has at most " + std::to_string(key_bytes_max) + " bytes");
    }
    path.segments.push_back(std::move(*segment));
  }
  return path;
}

base::Result<Path> parse_path(std::string_view text) {
  std::vector<std::string> segments(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '/') {
      segments.emplace_back();
      continue;
    }
    segments.back() += text[i];
    if (text[i] == '\\' && i + 1 < text.size()) {
      segments.back() += text[++i];
    }
  }
  return make_path(segments);
}

void KeyPath::append(std::string& bytes, std::string_view key) {
  const auto size = static_cast<std::uint32_t>(key.size());
  std::array<char, sizeof size> prefix{};
  std::memcpy(prefix.data(), &size, sizeof size);
  bytes.append(prefix.data(), prefix.size());
  bytes.append(key);
}

std::vector<std::string_view> KeyPath::keys() const {
  std::vector<std::string_view> keys;
  for (std::string_view rest = bytes_; !rest.empty();) {
    std::uint32_t size = 0;
    std::memcpy(&size, rest.data(), sizeof size);
    keys.push_back(rest.substr(sizeof size, size));
    rest.remove_prefix(sizeof size + size);
  }
  return keys;
}

std::string KeyPath::dotted() const {
  std::string out;
  const auto all = keys();
  for (std::size_t i = 0; i < all.size(); ++i) {
    out += i == 0 ? "" : ".";
    out += all[i];
  }
  return out;
}

std::string KeyPath::text() const {
  std::string out;
  const auto all = keys();
  for (std::size_t i = 0; i < all.size(); ++i) {
    out += (i == 0 ? "" : "/") + escaped_slashes(all[i]);
  }
  return out;
}

}  // namespace heapwatch::expvar
