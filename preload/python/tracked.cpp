#include "preload/python/tracked.h"

#include "memtrack/small_blocks.h"
#include "memtrack/tracker.h"
#include "preload/python/api.h"
#include "preload/python/domains.h"

namespace heapwatch::preload::python {

int track(unsigned domain, std::uintptr_t address, std::size_t size) noexcept {
  if (memtrack::mode() == memtrack::Mode::tracking) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the number is an address, as a rule
    memtrack::recharge(reinterpret_cast<void*>(address), 0,
                       memtrack::small::component_of_kind(tracked));
  }
  return api.track(domain, address, size);
}

}  // namespace heapwatch::preload::python
