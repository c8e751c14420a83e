// A block that is not on the books is pymalloc's, or one of malloc. That is known once it is freed:
// another hook below counts it, or nobody does. How many bytes it had is read from the head
// of its pool before that, through the kernel, since there may be no pool and no memory there.
#include "preload/python/older_blocks.h"

#include <atomic>

#include "memtrack/books.h"
#include "memtrack/pages.h"
#include "memtrack/tracker.h"
#include "preload/python/api.h"

namespace heapwatch::preload::python::older {

namespace {

constinit std::atomic<bool> has_begun{false};

// struct pool_header of CPython's Objects/obmalloc.c.
constexpr std::size_t class_offset = 36;
constexpr std::uint32_t classes = 32;
constexpr std::size_t bytes_per_class = 16;

std::size_t bytes_in_pool(const void* block) {
  const std::uintptr_t pool = reinterpret_cast<std::uintptr_t>(block) &
                              ~static_cast<std::uintptr_t>(api.layout->pool_bytes - 1);
  std::uint32_t size_class = 0;
  if (memtrack::read_memory(pool + class_offset, &size_class, sizeof size_class) !=
          memtrack::ReadOutcome::ok ||
      size_class >= classes) {
    return 0;
  }
  return (size_class + 1) * bytes_per_class;
}

}  // namespace

void begin() noexcept {
  has_begun.store(true, std::memory_order_relaxed);
}

Free::Free(void* block, From from) noexcept {
  if (block == nullptr || from == From::elsewhere || !has_begun.load(std::memory_order_relaxed) ||
      memtrack::mode() != memtrack::Mode::tracking || memtrack::is_on_books(block)) {
    return;
  }
  is_counted_ = true;
  seen_before_ = memtrack::thread_state.older_frees;
  bytes_ = from == From::malloc ? memtrack::usable_bytes(block) : bytes_in_pool(block);
}

Free::~Free() {
  if (!is_counted_ || memtrack::thread_state.older_frees != seen_before_) {
    return;
  }
  ++memtrack::thread_state.older_frees;
  memtrack::Interpreter& books = memtrack::books.interpreter;
  books.older_frees.fetch_add(1, std::memory_order_relaxed);
  books.older_freed_bytes.fetch_add(bytes_, std::memory_order_relaxed);
}

}  // namespace heapwatch::preload::python::older
