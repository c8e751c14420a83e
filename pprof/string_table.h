// The strings of a profile, each held once and named by a number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "pprof/hash_index.h"

namespace heapwatch::pprof {

/// A position in a StringTable. 0 is always the empty string.
using StringId = std::uint32_t;

/// Equal strings have equal ids, so texts compare as numbers.
///
/// Ownership: the table owns the bytes; views stay valid as long as the table or a copy of it does.
class StringTable {
 public:
  StringTable();
  /// The copy shares the bytes that are there and writes its own after them.
  StringTable(const StringTable& other);
  StringTable(StringTable&&) noexcept = default;
  StringTable& operator=(const StringTable& other);
  StringTable& operator=(StringTable&&) noexcept = default;
  ~StringTable() = default;

  StringId add(std::string_view text);
  /// The id of `text` if it is in the table, else no_index.
  [[nodiscard]] StringId find(std::string_view text) const;
  [[nodiscard]] std::string_view operator[](StringId id) const { return views_[id]; }
  [[nodiscard]] std::size_t size() const { return views_.size(); }

 private:
  // Blocks are shared between copies: what is written in them never changes.
  std::vector<std::shared_ptr<char[]>> blocks_;
  char* room_ = nullptr;
  std::size_t room_bytes_ = 0;
  std::vector<std::string_view> views_;
  HashIndex index_;
};

}  // namespace heapwatch::pprof
