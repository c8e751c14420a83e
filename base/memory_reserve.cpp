#include "base/memory_reserve.h"

#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <new>

namespace heapwatch::base {

namespace {

// Mapped and not touched: under a limit of the address space it is what allocations can have, and
// it costs no memory while it waits.
constexpr std::size_t reserve_bytes = std::size_t{4} * 1024 * 1024;

std::atomic<void*> reserve{nullptr};

void use_reserve() {
  void* const held = reserve.exchange(nullptr);
  if (held == nullptr) {
    throw std::bad_alloc();
  }
  (void)munmap(held, reserve_bytes);
}

}  // namespace

void keep_memory_reserve() {
  refill_memory_reserve();
  std::set_new_handler(use_reserve);
}

void refill_memory_reserve() noexcept {
  if (reserve.load() != nullptr) {
    return;
  }
  void* const made =
      mmap(nullptr, reserve_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (made == MAP_FAILED) {
    return;
  }
  void* expected = nullptr;
  if (!reserve.compare_exchange_strong(expected, made)) {
    (void)munmap(made, reserve_bytes);
  }
}

}  // namespace heapwatch::base
