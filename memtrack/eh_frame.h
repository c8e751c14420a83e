// The records of .eh_frame: finding the one for an address and reading its fields. Source: LSB
// .eh_frame and .eh_frame_hdr.
#pragma once

#include <string.h>

#include <cstddef>
#include <cstdint>

namespace heapwatch::memtrack {

constexpr std::uint64_t reg_return = 16;  // where x86-64 keeps the return address

/// Reads .eh_frame; past its end it yields zeros and remembers that it failed.
class Cursor {
 public:
  Cursor(const std::uint8_t* at, const std::uint8_t* end) : at_(at), end_(end) {}

  template <typename T>
  T read() {
    T value{};
    if (left() < sizeof(T)) {
      failed_ = true;
      at_ = end_;
      return value;
    }
    memcpy(&value, at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  std::uint64_t uleb() { return leb128(false); }
  std::int64_t sleb() { return static_cast<std::int64_t>(leb128(true)); }

  /// A pointer in one of the encodings that compilers use for code addresses.
  std::uint64_t pointer(std::uint8_t encoding) {
    const auto place = reinterpret_cast<std::uintptr_t>(at_);
    std::uint64_t value = 0;
    switch (encoding & 0x0fU) {
      case 0x00:
      case 0x04:
      case 0x0c:
        value = read<std::uint64_t>();
        break;
      case 0x02:
        value = read<std::uint16_t>();
        break;
      case 0x03:
        value = read<std::uint32_t>();
        break;
      case 0x0a:
        value = static_cast<std::uint64_t>(std::int64_t{read<std::int16_t>()});
        break;
      case 0x0b:
        value = static_cast<std::uint64_t>(std::int64_t{read<std::int32_t>()});
        break;
      default:
        failed_ = true;
    }
    return (encoding & 0x70U) == 0x10 ? value + place : value;
  }

  void skip(std::uint64_t bytes) {
    failed_ = failed_ || bytes > left();
    at_ = bytes > left() ? end_ : at_ + bytes;
  }

  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] const std::uint8_t* at() const { return at_; }
  [[nodiscard]] bool failed() const { return failed_; }
  void fail() { failed_ = true; }

 private:
  std::uint64_t leb128(bool is_signed) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = read<std::uint8_t>();
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80U) == 0) {
        if (is_signed && (byte & 0x40U) != 0 && shift + 7 < 64) {
          value |= ~std::uint64_t{0} << (shift + 7);
        }
        break;
      }
    }
    return value;
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  bool failed_ = false;
};

/// A record of .eh_frame without its length.
[[nodiscard]] Cursor open_record(const std::uint8_t* record);

struct Cie {
  std::uint64_t code_align = 1;
  std::int64_t data_align = 1;
  std::uint8_t pointer_encoding = 0;
  bool has_augmentation_data = false;
  bool is_signal_frame = false;
  Cursor program{nullptr, nullptr};
};

/// False when the record says something unknown.
[[nodiscard]] bool read_cie(const std::uint8_t* record, Cie& cie);

/// The FDE whose function starts last before the address, by the binary search table; null without
/// one.
[[nodiscard]] const std::uint8_t* find_fde(const std::uint8_t* header, std::uintptr_t address);

}  // namespace heapwatch::memtrack
