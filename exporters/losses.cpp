#include "exporters/losses.h"

#include <new>
#include <string>

#include "base/log.h"
#include "base/memory_reserve.h"

namespace heapwatch::exporters {

void Losses::add(const metrics::Instance& instance) noexcept {
  base::refill_memory_reserve();
  if (count_.fetch_add(1, std::memory_order_relaxed) > 0) {
    return;
  }
  try {
    base::log(base::LogLevel::error,
              "check " + instance.id + ": " + std::string(where_) +
                  " had no memory for a run; such runs are lost, and counted in "
                  "heapwatch_exporter_snapshots_lost_total");
  } catch (const std::bad_alloc&) {
    return;  // it is counted
  }
}

}  // namespace heapwatch::exporters
