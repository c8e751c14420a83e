// A file descriptor that is closed with its owner, and in the child of a fork.
#pragma once

#include <unistd.h>

#include <utility>

#include "base/owned_descriptors.h"

namespace heapwatch::net {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(base::own_descriptor(number)) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }

  void reset() {
    if (number_ >= 0) {
      close(base::disown_descriptor(std::exchange(number_, -1)));
    }
  }
  /// Negative when there is none.
  [[nodiscard]] int get() const { return number_; }
  [[nodiscard]] explicit operator bool() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

}  // namespace heapwatch::net
