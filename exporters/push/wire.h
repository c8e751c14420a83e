// The few forms of Protocol Buffers that remote write is made of.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace heapwatch::exporters::push::wire {

/// What stands before a field: its number, and the form of what follows.
constexpr char varint_field(unsigned number) {
  return static_cast<char>(number << 3U);
}
constexpr char fixed64_field(unsigned number) {
  return static_cast<char>((number << 3U) | 1U);
}
constexpr char bytes_field(unsigned number) {
  return static_cast<char>((number << 3U) | 2U);
}

constexpr std::size_t varint_bytes(std::uint64_t value) {
  std::size_t bytes = 1;
  for (; value >= 0x80; value >>= 7U) {
    ++bytes;
  }
  return bytes;
}

inline void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) {
    out += static_cast<char>((value & 0x7fU) | 0x80U);
  }
  out += static_cast<char>(value);
}

/// Bytes from the lowest, whatever this machine does.
template <typename Whole>
void put_fixed(std::string& out, Whole value) {
  for (std::size_t i = 0; i < sizeof(Whole); ++i) {
    out += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
}

/// `bytes` holds as many at least.
template <typename Whole>
[[nodiscard]] Whole read_fixed(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(Whole); ++i) {
    value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return static_cast<Whole>(value);
}

inline void put_bytes_field(std::string& out, unsigned number, std::string_view bytes) {
  out += bytes_field(number);
  put_varint(out, bytes.size());
  out += bytes;
}

/// A field with its default is left out, as all encoders do.
inline void put_varint_field(std::string& out, unsigned number, std::uint64_t value) {
  if (value != 0) {
    out += varint_field(number);
    put_varint(out, value);
  }
}

}  // namespace heapwatch::exporters::push::wire
