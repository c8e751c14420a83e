// File descriptors that are closed with their owner.
#pragma once

#include <unistd.h>

#include <utility>

#include "base/error.h"
#include "base/owned_descriptors.h"

namespace heapwatch::base {

/// `closed_in_forks`: a child that forks from this process and goes on closes it, too; see
/// base/owned_descriptors.h. Not for what such a child is to use.
///
/// Threads: not safe.
template <bool closed_in_forks>
class BasicDescriptor {
 public:
  BasicDescriptor() = default;
  explicit BasicDescriptor(int number) : number_(number) {
    if constexpr (closed_in_forks) {
      own_descriptor(number);
    }
  }
  BasicDescriptor(BasicDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  BasicDescriptor& operator=(BasicDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  BasicDescriptor(const BasicDescriptor&) = delete;
  BasicDescriptor& operator=(const BasicDescriptor&) = delete;
  ~BasicDescriptor() { reset(); }

  void reset() {
    if (number_ >= 0) {
      (void)::close(release());
    }
  }
  /// Gives the number away, with the duty to close it.
  [[nodiscard]] int release() {
    const int number = std::exchange(number_, -1);
    if constexpr (closed_in_forks) {
      disown_descriptor(number);
    }
    return number;
  }
  /// Negative when there is none.
  [[nodiscard]] int get() const { return number_; }
  [[nodiscard]] explicit operator bool() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

using Descriptor = BasicDescriptor<false>;
using OwnDescriptor = BasicDescriptor<true>;

/// Closed in a program that takes the place of this one.
struct Pipe {
  Descriptor reader;
  Descriptor writer;
};

/// Errors: io, with the system's words; errno says it too.
[[nodiscard]] Result<Pipe> make_pipe();

}  // namespace heapwatch::base
