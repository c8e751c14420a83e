// Two ways to read a process: along a heap, and here and there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "memory/process/view.h"

namespace heapwatch::memory::process {

/// Bytes at ascending addresses, in streams of at most 2 MiB.
///
/// The first read at a place is small; while requests follow one another the stream doubles, so a
/// walk over large blocks does not read what it skips.
class Window {
 public:
  static constexpr std::size_t bytes_max = std::size_t{2} * 1024 * 1024;
  static constexpr std::size_t bytes_min = 16384;

  explicit Window(const ProcessView& view) : view_(&view) {}

  /// The bytes at an address, valid until the next call; empty when one of them is not known.
  /// `size` is at most bytes_min.
  [[nodiscard]] std::span<const std::byte> at(std::uint64_t address, std::size_t size);

  template <typename T>
  [[nodiscard]] std::optional<T> get(std::uint64_t address) {
    static_assert(std::is_trivially_copyable_v<T>);
    const std::span<const std::byte> bytes = at(address, sizeof(T));
    if (bytes.empty()) {
      return std::nullopt;
    }
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }

  /// Forgets what was read, to read it again.
  void forget() { known_ = 0; }

 private:
  const ProcessView* view_;
  std::unique_ptr<std::byte[]> buffer_;  // bytes are not zeroed before they are read into
  std::size_t capacity_ = 0;
  std::uint64_t begin_ = 0;
  std::size_t known_ = 0;
  std::size_t ahead_ = bytes_min;
};

/// Words anywhere, through a cache of 512 pages.
///
/// Who follows what a stranger wrote sets a limit: once so many pages were read, no more come, as
/// if they were not there.
class Words {
 public:
  explicit Words(const ProcessView& view) : view_(&view) {}
  Words(const ProcessView& view, std::uint64_t pages_max) : view_(&view), pages_left_(pages_max) {}

  [[nodiscard]] bool is_at_its_limit() const { return pages_left_ == 0; }

  template <typename T>
  [[nodiscard]] std::optional<T> get(std::uint64_t address) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::array<std::byte, sizeof(T)> bytes;
    if (!copy(address, bytes)) {
      return std::nullopt;
    }
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  [[nodiscard]] std::optional<std::uint64_t> u64(std::uint64_t address) {
    return get<std::uint64_t>(address);
  }
  [[nodiscard]] std::optional<std::uint32_t> u32(std::uint64_t address) {
    return get<std::uint32_t>(address);
  }
  /// All of `out`, or false.
  [[nodiscard]] bool copy(std::uint64_t address, std::span<std::byte> out);
  /// The bytes up to the first 0, when there is one within `bytes_max`.
  [[nodiscard]] std::optional<std::string> text(std::uint64_t address, std::size_t bytes_max);

 private:
  static constexpr std::size_t slots = 512;
  struct Slot {
    std::uint64_t page = ~std::uint64_t{0};
    std::size_t known = 0;
    std::unique_ptr<std::byte[]> bytes;  // of one page
  };
  [[nodiscard]] const Slot& slot(std::uint64_t page);

  const ProcessView* view_;
  std::uint64_t pages_left_ = ~std::uint64_t{0};
  std::vector<Slot> cache_ = std::vector<Slot>(slots);
};

/// Pages that a walk over the records of a process may read: each of its own several times.
[[nodiscard]] std::uint64_t pages_to_read(const ProcessView& view);

}  // namespace heapwatch::memory::process
