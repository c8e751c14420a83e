#include "preload/python/own_blocks.h"

#include "memtrack/small_blocks.h"
#include "preload/python/domains.h"

namespace heapwatch::preload::python::own {

namespace {

constexpr auto reuse = memtrack::Reuse::possible;

}  // namespace

void record(void* block, std::size_t size, const void* caller) noexcept {
  (void)memtrack::record_slowly(block, size, caller);
}

void forget(void* block) noexcept {
  if (block != nullptr && memtrack::is_on_books(block)) {
    (void)memtrack::forget_slowly(block, nullptr, reuse);
    memtrack::settle();
  }
}

Moving begin_move(void* block) noexcept {
  if (block == nullptr || !memtrack::is_on_books(block)) {
    return {};
  }
  return {true, memtrack::begin_move(block, nullptr, reuse)};
}

void cancel_move(const Moving& moving) noexcept {
  if (moving.is_known) {
    memtrack::cancel_move(moving.block);
  }
}

void finish_move(const Moving& moving) noexcept {
  if (moving.is_known) {
    memtrack::finish_move_elsewhere(moving.block);
  }
}

void note_tracked(std::uintptr_t address) noexcept {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): as extensions report it
  void* const block = reinterpret_cast<void*>(address);
  if (memtrack::is_on_books(block)) {
    (void)memtrack::recharge(block, 0, memtrack::small::component_of_kind(tracked));
  }
}

}  // namespace heapwatch::preload::python::own
