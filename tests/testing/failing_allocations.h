// A test program of which one file includes this has an operator new that counts, and can be told
// to fail.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace heapwatch::tests {

/// With new, in all threads.
inline std::atomic<std::size_t> allocations{0};

/// Of this thread: the allocation that fails, counting from 1 on; 0: none.
inline thread_local std::size_t failing_allocation = 0;

/// While it lives, the `n`-th allocation with new of this thread throws.
class FailAllocation {
 public:
  explicit FailAllocation(std::size_t n) { failing_allocation = n; }
  FailAllocation(const FailAllocation&) = delete;
  FailAllocation& operator=(const FailAllocation&) = delete;
  ~FailAllocation() { failing_allocation = 0; }

  /// Whether the allocation has come.
  [[nodiscard]] static bool has_failed() { return failing_allocation == 0; }
};

inline void* allocate_or_fail(std::size_t size) {
  ++allocations;
  if (failing_allocation != 0 && --failing_allocation == 0) {
    throw std::bad_alloc();
  }
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) {
    return memory;
  }
  throw std::bad_alloc();
}

}  // namespace heapwatch::tests

[[gnu::noinline]] void* operator new(std::size_t size) {
  return heapwatch::tests::allocate_or_fail(size);
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  ++heapwatch::tests::allocations;
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}
