// Blocks of CPython from before its allocators were hooked: what is freed of them is counted, with
// its bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapwatch::preload::python::older {

/// From now on blocks that are not on the books are from before.
void begin() noexcept;

/// What a block may be that a hook does not know.
enum class From {
  elsewhere,           // malloc, whose hooks count it themselves
  malloc,              // which has no hooks
  pymalloc_or_malloc,  // who counts it if it is malloc's is one of the others
};

/// A free that is under way: lives around the call of what is below the hook.
class Free {
 public:
  /// `block`: null: nothing is freed.
  Free(void* block, From from) noexcept;
  ~Free();
  Free(const Free&) = delete;
  Free& operator=(const Free&) = delete;

  /// It was not freed.
  void cancel() { is_counted_ = false; }

 private:
  bool is_counted_ = false;
  std::uint32_t seen_before_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace heapwatch::preload::python::older
