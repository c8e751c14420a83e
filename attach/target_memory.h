// The memory of a process, to be read and written: also pages that it may not write itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/descriptor.h"
#include "base/error.h"
#include "memory/process/facts.h"

namespace heapwatch::attach {

class TargetMemory {
 public:
  /// Errors: io, refused.
  [[nodiscard]] static base::Result<TargetMemory> open(int pid);

  /// How many bytes came, from the front.
  [[nodiscard]] std::size_t read(std::uint64_t address, std::span<std::byte> out) const;
  /// Errors: io.
  [[nodiscard]] base::Result<void> write(std::uint64_t address,
                                         std::span<const std::byte> bytes) const;

  template <typename T>
  [[nodiscard]] base::Result<T> get(std::uint64_t address) const {
    T value{};
    if (read(address, std::as_writable_bytes(std::span(&value, 1))) != sizeof value) {
      return base::fail(base::ErrorKind::io, "its memory cannot be read");
    }
    return value;
  }
  template <typename T>
  [[nodiscard]] base::Result<void> put(std::uint64_t address, const T& value) const {
    return write(address, std::as_bytes(std::span(&value, 1)));
  }

 private:
  explicit TargetMemory(base::Descriptor file) : file_(std::move(file)) {}
  base::Descriptor file_;
};

/// Its mappings as they are now.
[[nodiscard]] std::vector<memory::process::Mapping> mappings_of(int pid);

struct Task {
  int tid = 0;
  char state = '?';  // as /proc says
};
/// Its threads, those that run first.
[[nodiscard]] std::vector<Task> tasks_of(int pid);

}  // namespace heapwatch::attach
