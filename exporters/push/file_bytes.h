// Reading and writing at a place of a file, whole.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "exporters/push/record.h"

namespace heapwatch::exporters::push {

/// Ownership: the descriptor is the caller's.
class FileBytes final : public RecordBytes {
 public:
  explicit FileBytes(int file) : file_(file) {}

  [[nodiscard]] std::size_t read(std::uint64_t offset, std::span<char> out) const override;

 private:
  int file_;
};

/// False when not all of it is written; errno says why.
[[nodiscard]] bool write_all(int file, std::string_view bytes, std::uint64_t offset);

}  // namespace heapwatch::exporters::push
