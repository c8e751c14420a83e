// How far a queue on the disk has come, as it is written down. Private to this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace heapwatch::exporters::push {

/// Where a record lies.
struct RecordPlace {
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
  friend bool operator==(const RecordPlace&, const RecordPlace&) = default;
  friend bool operator<(const RecordPlace& a, const RecordPlace& b) {
    return a.segment != b.segment ? a.segment < b.segment : a.offset < b.offset;
  }
};

/// So many records may be taken and not done: as many as there is room for in a file of this size.
inline constexpr std::size_t open_records_max = 12;
inline constexpr std::size_t position_bytes = 256;

struct Position {
  std::uint64_t number = 0;         // of the writing: a higher one counts
  RecordPlace all_done{};           // up to here
  std::vector<RecordPlace> done{};  // and these behind that
};

[[nodiscard]] std::string position_text(const Position& position);
/// Nothing when it is none, or damaged.
[[nodiscard]] std::optional<Position> read_position_text(std::string_view text);

/// The file has two places, which are written in turn: a write that was cut off leaves the other.
[[nodiscard]] std::optional<Position> read_position_file(int file);
/// False when it is not written; errno says why.
[[nodiscard]] bool write_position_file(int file, const Position& position);

}  // namespace heapwatch::exporters::push
