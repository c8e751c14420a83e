// The accounting for C++: scopes, an allocator, and owners of blocks.
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <new>

#include "memtrack/memtrack.h"

namespace heapwatch::memtrack {

/// Puts down what the thread allocates to a component while it lives: `memtrack::Scope
/// scope{"check:disk"};`
///
/// Threads: belongs to the thread that made it; scopes nest and end in reverse order.
class [[nodiscard]] Scope {
 public:
  explicit Scope(const char* name) : Scope(memtrack_component_id(name)) {}
  explicit Scope(memtrack_component component) : previous_(memtrack_scope_enter(component)) {}
  ~Scope() { memtrack_scope_leave(previous_); }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  memtrack_component previous_;
};

/// For containers: `std::vector<int, memtrack::Allocator<int>>`. Errors: std::bad_alloc.
template <typename T>
struct Allocator {
  using value_type = T;

  Allocator() = default;
  template <typename U>
  // NOLINTNEXTLINE(google-explicit-constructor): allocators convert
  Allocator(const Allocator<U>& /*other*/) noexcept {}

  [[nodiscard]] T* allocate(std::size_t count) {
    if (count > std::numeric_limits<std::size_t>::max() / sizeof(T)) {
      throw std::bad_array_new_length();
    }
    void* const block = alignof(T) > alignof(std::max_align_t)
                            ? _aligned_alloc(alignof(T), count * sizeof(T))
                            : _malloc(count * sizeof(T));
    if (block == nullptr) {
      throw std::bad_alloc();
    }
    return static_cast<T*>(block);
  }
  void deallocate(T* block, std::size_t) noexcept { _free(block); }

  friend bool operator==(const Allocator&, const Allocator&) { return true; }
};

/// For blocks that hold plain data: `memtrack::Owned<char> text{strdupe("a")};`
struct Deleter {
  void operator()(void* block) const noexcept { _free(block); }
};

template <typename T>
using Owned = std::unique_ptr<T, Deleter>;

}  // namespace heapwatch::memtrack
