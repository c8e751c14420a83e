// Words written over a process that a test has made, as the input of a fuzz target says.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

#include "../memory/process/made_process.h"
#include "memory/readers.h"

namespace heapwatch::tests {

/// Takes numbers off the input; 0 when it has ended.
class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  template <typename T>
  T take() {
    T value{};
    const std::size_t bytes = std::min(sizeof value, size_);
    std::memcpy(&value, data_, bytes);
    data_ += bytes;
    size_ -= bytes;
    return value;
  }
  [[nodiscard]] bool is_empty() const { return size_ == 0; }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

/// Up to 64 words into one of the ranges each. Three quarters of the words lead into a range, as
/// links and sizes of a liar would, or are spread over all 64 bits.
inline void mutate(FuzzInput& input, MadeProcess& process,
                   std::span<const memory::process::Range> ranges) {
  constexpr std::size_t writes_max = 64;
  for (std::size_t i = 0; i < writes_max && !input.is_empty(); ++i) {
    const auto place = input.take<std::uint16_t>();
    const auto form = input.take<std::uint8_t>();
    auto value = input.take<std::uint32_t>() + std::uint64_t{0};
    if (form % 4 < 2) {
      value += ranges[form / 4 % ranges.size()].begin;
    } else if (form % 4 == 2) {
      value |= value << 32;
    }
    const memory::process::Range& range = ranges[form / 16 % ranges.size()];
    process.write(range.begin + std::uint64_t{place} * 8 % range.size(), value);
  }
}

/// Every reader, with all that it can be asked for. Ends the program when the rows do not add up.
inline memory::Picture all_readers(const MadeProcess& process) {
  const auto view = process.view();
  memory::Picture picture = memory::picture_of(view, {.types = true, .reach = true, .files = true});
  std::uint64_t sum = 0;
  for (const memory::Row& row : picture.rows()) {
    sum += row.bytes;
  }
  if (sum != view->residency().total()) {
    std::abort();
  }
  return picture;
}

}  // namespace heapwatch::tests
