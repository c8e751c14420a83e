// The runtime lists every goroutine there has been in a slice, runtime.allgs: dead ones stay, to be
// used again. A goroutine's record begins with the borders of its stack and the address below which
// the stack has to grow; its status and its number stand next to each other at an offset that the
// data tells: where every status is one that exists and no number comes twice.
//
// Source: golang/go:src/runtime/runtime2.go (g); the offset was 144 in Go 1.15 to 1.22, 1.26 and
// 1.27, and 152 in 1.23 and 1.24.
#include "memory/golang/goroutines.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <vector>

namespace heapwatch::memory::golang {

namespace {

constexpr std::size_t goroutine_bytes = 208;
constexpr std::size_t goroutine_samples_max = 64;
constexpr std::size_t goroutine_slices_max = 4096;
constexpr std::uint32_t status_dead = 6;
constexpr std::uint32_t status_max = 10;
constexpr std::uint32_t status_scanned = 0x1000;  // a bit beside the others
constexpr std::uint64_t number_max = std::uint64_t{1} << 48;
constexpr std::uint64_t stack_bytes_max = std::uint64_t{1} << 32;

using Goroutine = std::array<std::uint8_t, goroutine_bytes>;

template <typename T>
T get(const Goroutine& record, std::size_t at) {
  T value;
  std::memcpy(&value, record.data() + at, sizeof value);
  return value;
}

/// A dead goroutine may have given its stack back.
bool is_goroutine(const Goroutine& record) {
  const auto low = get<std::uint64_t>(record, 0);
  const auto high = get<std::uint64_t>(record, 8);
  const auto guard = get<std::uint64_t>(record, 16);
  constexpr std::uint64_t preempted = std::uint64_t{0} - 1314;
  if (low == 0 && high == 0) {
    return guard == 0 || guard == preempted;
  }
  return low < high && high - low <= stack_bytes_max && low % 1024 == 0 &&
         ((guard > low && guard < high) || guard >= preempted - 4096);
}

std::optional<Goroutine> read_goroutine(process::Words& words, const Slice& slice,
                                        std::uint64_t index) {
  const auto address = words.u64(slice.elements + index * 8);
  Goroutine record;
  if (!address || *address == 0 || *address % 8 != 0 ||
      !words.copy(*address, std::as_writable_bytes(std::span(record)))) {
    return std::nullopt;
  }
  return is_goroutine(record) ? std::optional(record) : std::nullopt;
}

std::vector<Goroutine> goroutines_of(process::Words& words, const Slice& slice) {
  std::vector<Goroutine> records;
  const std::uint64_t count = std::min<std::uint64_t>(slice.length, goroutine_samples_max);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto record = read_goroutine(words, slice, slice.length * i / count);
    if (!record) {
      return {};
    }
    records.push_back(*record);
  }
  return records;
}

std::uint32_t status_of(const Goroutine& record, std::size_t at) {
  return get<std::uint32_t>(record, at) & ~status_scanned;
}

std::optional<std::size_t> offset_of_status(const std::vector<Goroutine>& records) {
  constexpr std::array<std::size_t, 6> offsets{144, 152, 160, 136, 168, 128};
  for (const std::size_t at : offsets) {
    std::set<std::uint64_t> numbers;
    bool fits = !records.empty();
    bool one_lives = false;
    for (const Goroutine& record : records) {
      const std::uint32_t status = status_of(record, at);
      const auto number = get<std::uint64_t>(record, at + 8);
      one_lives = one_lives || (status != 0 && status != status_dead);
      fits = fits && status <= status_max && number < number_max &&
             (number == 0 || numbers.insert(number).second);
    }
    if (fits && one_lives && !numbers.empty()) {
      return at;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> count_goroutines(process::Words& words,
                                              const std::vector<Slice>& slices) {
  const std::size_t count = std::min(slices.size(), goroutine_slices_max);
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = offset_of_status(goroutines_of(words, slices[i]));
    if (!at) {
      continue;
    }
    std::uint64_t alive = 0;
    for (std::uint64_t index = 0; index < slices[i].length; ++index) {
      const auto record = read_goroutine(words, slices[i], index);
      if (!record) {
        return std::nullopt;
      }
      alive += status_of(*record, *at) != status_dead ? 1 : 0;
    }
    return alive;
  }
  return std::nullopt;
}

}  // namespace heapwatch::memory::golang
