#include "pprof/string_table.h"

#include <algorithm>
#include <cstring>

namespace heapwatch::pprof {
namespace {

constexpr std::size_t block_bytes = std::size_t{64} * 1024;

}  // namespace

StringTable::StringTable() {
  add("");
}

StringTable::StringTable(const StringTable& other)
    : blocks_(other.blocks_), views_(other.views_), index_(other.index_) {}

StringTable& StringTable::operator=(const StringTable& other) {
  *this = StringTable(other);
  return *this;
}

StringId StringTable::add(std::string_view text) {
  const auto next = static_cast<StringId>(views_.size());
  const StringId id = index_.find_or_add(hash_bytes(text.data(), text.size()), next,
                                         [&](StringId at) { return views_[at] == text; });
  if (id != next) {
    return id;
  }
  if (text.size() > room_bytes_) {
    room_bytes_ = std::max(block_bytes, text.size());
    blocks_.emplace_back(new char[room_bytes_]);
    room_ = blocks_.back().get();
  }
  if (!text.empty()) {
    std::memcpy(room_, text.data(), text.size());
  }
  views_.emplace_back(room_, text.size());
  room_ += text.size();
  room_bytes_ -= text.size();
  return id;
}

StringId StringTable::find(std::string_view text) const {
  return index_.find(hash_bytes(text.data(), text.size()),
                     [&](StringId at) { return views_[at] == text; });
}

}  // namespace heapwatch::pprof
