// What Go's expvar prints and JSON does not know, made harmless one member at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace heapwatch::expvar {

/// A page in which a parser for JSON finds only errors of structure.
struct RepairedPage {
  std::string text;
  std::uint64_t members = 0;        // whose values were not JSON, and are null in `text`
  std::size_t first_member_at = 0;  // offset of the first of them in the original

  /// The offset in the original of an offset in `text`.
  [[nodiscard]] std::size_t original_offset(std::size_t offset) const;

  struct Shift {
    std::size_t offset = 0;    // in `text`; from here on,
    std::size_t original = 0;  // this is where it stood
  };
  std::vector<Shift> shifts;
};

/// Values become null and are counted: `+Inf`, `-Inf`, no value at all (`"x": ,`), any other bare
/// word. Escapes of Go's %q (`\a`, `\v`, `\x7f`, `\U0001f600`) become those of JSON, so that their
/// keys are read, and a lone surrogate becomes U+FFFD. Numbers too large for a double become
/// infinities. The rest stays as it is.
void repair(std::string_view page, RepairedPage& out);

}  // namespace heapwatch::expvar
