#include "exporters/push/position.h"

#include <algorithm>
#include <utility>

#include "exporters/push/file_bytes.h"
#include "exporters/push/record.h"
#include "exporters/push/wire.h"

namespace heapwatch::exporters::push {

namespace {

constexpr std::string_view position_magic{"HWpos\1\0\0", 8};

}  // namespace

static_assert(8 + 4 * 8 + open_records_max * 16 + 4 <= position_bytes);

std::string position_text(const Position& position) {
  std::string text(position_magic);
  wire::put_fixed(text, position.number);
  const std::size_t count = std::min(position.done.size(), open_records_max);
  wire::put_fixed(text, static_cast<std::uint64_t>(count));
  wire::put_fixed(text, position.all_done.segment);
  wire::put_fixed(text, position.all_done.offset);
  for (std::size_t i = 0; i < count; ++i) {
    wire::put_fixed(text, position.done[i].segment);
    wire::put_fixed(text, position.done[i].offset);
  }
  text.resize(position_bytes - sizeof(std::uint32_t), '\0');
  wire::put_fixed(text, checksum(text));
  return text;
}

std::optional<Position> read_position_text(std::string_view text) {
  const std::size_t checked = position_bytes - sizeof(std::uint32_t);
  if (text.size() != position_bytes || !text.starts_with(position_magic) ||
      wire::read_fixed<std::uint32_t>(text.substr(checked)) != checksum(text.substr(0, checked))) {
    return std::nullopt;
  }
  text.remove_prefix(position_magic.size());
  const auto take = [&] {
    const auto value = wire::read_fixed<std::uint64_t>(text);
    text.remove_prefix(sizeof(value));
    return value;
  };
  Position position;
  position.number = take();
  const std::uint64_t count = take();
  position.all_done.segment = take();
  position.all_done.offset = take();
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(count, open_records_max); ++i) {
    RecordPlace place;
    place.segment = take();
    place.offset = take();
    position.done.push_back(place);
  }
  return position;
}

std::optional<Position> read_position_file(int file) {
  const FileBytes bytes(file);
  std::optional<Position> newest;
  for (const std::size_t at : {std::size_t{0}, position_bytes}) {
    std::string text(position_bytes, '\0');
    text.resize(bytes.read(at, text));
    auto position = read_position_text(text);
    if (position && (!newest || position->number > newest->number)) {
      newest = std::move(position);
    }
  }
  return newest;
}

bool write_position_file(int file, const Position& position) {
  return write_all(file, position_text(position), (position.number % 2) * position_bytes);
}

}  // namespace heapwatch::exporters::push
