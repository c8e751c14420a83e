// The path language: which variables of a page an entry means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace re2 {
class RE2;
}

namespace heapwatch::expvar {

inline constexpr std::size_t path_bytes_max = 4096;
/// Of one key, in a configuration and in a page.
inline constexpr std::size_t key_bytes_max = 1024;

/// One step of a path. It is held against a key of an object, or against the decimal index of an
/// element of an array.
///
/// A segment of letters and digits alone is equal to its key. Any other is the regular expression
/// `^segment$`, matched from the start of the key as Python's re.match does: an alternation is not
/// grouped (`cat|dog` also takes "catalog"), and `$` also holds before a line feed that ends the
/// key. `\d`, `\w` and `\s` know all of Unicode.
class Segment {
 public:
  /// Errors: invalid, with the segment and what RE2 says of it.
  [[nodiscard]] static base::Result<Segment> parse(std::string_view text);

  /// True for equality.
  [[nodiscard]] bool is_literal() const { return kind_ == Kind::literal; }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool matches(std::string_view key) const;

  /// Appends (name, text) of the named groups that took part in matching `key`, and returns what
  /// they leave of it.
  std::string capture(std::string_view key,
                      std::vector<std::pair<std::string, std::string>>& out) const;

 private:
  enum class Kind : std::uint8_t { literal, every, pattern };

  Segment() = default;

  std::string text_;
  Kind kind_ = Kind::literal;
  std::shared_ptr<const re2::RE2> pattern_;  // null for literals, and for `every` without groups
};

struct Path {
  std::vector<Segment> segments;

  /// As it is written in a configuration: `rtloader/AllocatedBytes`, `shard:\/var`.
  [[nodiscard]] std::string text() const;
};

/// Splits at each `/`; a slash that belongs to a key is written `\/`. Errors: invalid.
[[nodiscard]] base::Result<Path> parse_path(std::string_view text);
/// The same, with the segments already apart: a slash in them belongs to the key.
[[nodiscard]] base::Result<Path> make_path(std::span<const std::string> segments);

/// The keys that lead to one value of a page, in one piece of memory that can be compared and
/// hashed.
class KeyPath {
 public:
  KeyPath() = default;
  /// `bytes` as append() makes them.
  explicit KeyPath(std::string_view bytes) : bytes_(bytes) {}

  static void append(std::string& bytes, std::string_view key);

  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  [[nodiscard]] std::vector<std::string_view> keys() const;
  /// `memstats.HeapAlloc`
  [[nodiscard]] std::string dotted() const;
  /// `memstats/HeapAlloc`, a slash in a key as `\/`
  [[nodiscard]] std::string text() const;

 private:
  std::string_view bytes_;
};

}  // namespace heapwatch::expvar
