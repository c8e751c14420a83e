#include "memtrack/eh_frame.h"

namespace heapwatch::memtrack {

Cursor open_record(const std::uint8_t* record) {
  std::uint32_t length = 0;
  memcpy(&length, record, sizeof length);
  const std::uint8_t* body = record + sizeof length;
  Cursor cursor(body, length == 0xffffffffU ? body : body + length);
  if (length == 0 || length == 0xffffffffU) {
    cursor.fail();
  }
  return cursor;
}

bool read_cie(const std::uint8_t* record, Cie& cie) {
  Cursor in = open_record(record);
  if (in.read<std::uint32_t>() != 0) {
    return false;
  }
  const auto version = in.read<std::uint8_t>();
  if (version != 1 && version != 3) {
    return false;
  }
  const auto* augmentation = reinterpret_cast<const char*>(in.at());
  while (in.read<std::uint8_t>() != 0) {
  }
  cie.code_align = in.uleb();
  cie.data_align = in.sleb();
  const std::uint64_t return_register = version == 1 ? in.read<std::uint8_t>() : in.uleb();
  if (in.failed() || return_register != reg_return) {
    return false;
  }
  const std::uint8_t* after_data = nullptr;
  for (const char* c = augmentation; *c != '\0' && !in.failed(); ++c) {
    switch (*c) {
      case 'z': {
        const std::uint64_t size = in.uleb();
        cie.has_augmentation_data = true;
        after_data = in.at() + (size <= in.left() ? size : in.left());
        break;
      }
      case 'R':
        cie.pointer_encoding = in.read<std::uint8_t>();
        break;
      case 'P':
        in.pointer(in.read<std::uint8_t>());
        break;
      case 'L':
        in.read<std::uint8_t>();
        break;
      case 'S':
        cie.is_signal_frame = true;
        break;
      default:
        return false;
    }
  }
  if (after_data != nullptr && after_data >= in.at()) {
    in.skip(static_cast<std::uint64_t>(after_data - in.at()));
  }
  cie.program = in;
  return !in.failed();
}

const std::uint8_t* find_fde(const std::uint8_t* header, std::uintptr_t address) {
  constexpr std::uint8_t expected[] = {1, 0x1b, 0x03,
                                       0x3b};  // what GNU ld, gold, lld and mold write
  if (memcmp(header, expected, sizeof expected) != 0) {
    return nullptr;
  }
  struct Pair {
    std::int32_t start;
    std::int32_t fde;
  };
  std::uint32_t count = 0;
  memcpy(&count, header + 8, sizeof count);
  const std::uint8_t* const table = header + 12;
  const auto relative =
      static_cast<std::int64_t>(address - reinterpret_cast<std::uintptr_t>(header));
  std::size_t low = 0;
  std::size_t high = count;
  Pair pair{};
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    memcpy(&pair, table + middle * sizeof(Pair), sizeof pair);
    if (pair.start <= relative) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) {
    return nullptr;
  }
  memcpy(&pair, table + (low - 1) * sizeof(Pair), sizeof pair);
  return header + pair.fde;
}

}  // namespace heapwatch::memtrack
