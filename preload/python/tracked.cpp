#include "preload/python/tracked.h"

#include <atomic>

#include "memtrack/small_blocks.h"
#include "memtrack/tracker.h"
#include "preload/python/domains.h"

namespace heapwatch::preload::python {

namespace {

/// Not that of `api`, which is looked up again while others call: by then the name may lead to us.
constinit std::atomic<Track> definition_below{nullptr};

}  // namespace

void lead_track_to(Track definition) noexcept {
  definition_below.store(definition, std::memory_order_release);
}

int track(unsigned domain, std::uintptr_t address, std::size_t size) noexcept {
  if (const memtrack::Mode now = memtrack::mode();
      now == memtrack::Mode::tracking || now == memtrack::Mode::observed) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the number is an address, as a rule
    memtrack::recharge(reinterpret_cast<void*>(address), 0,
                       memtrack::small::component_of_kind(tracked));
  }
  return definition_below.load(std::memory_order_acquire)(domain, address, size);
}

}  // namespace heapwatch::preload::python
