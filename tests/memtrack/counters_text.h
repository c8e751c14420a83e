// Counters as a line of text, and what they grew by: tests share a process and compare whole lines.
#pragma once

#include <string>

#include "memtrack/memtrack.h"

namespace heapwatch::memtrack {

inline std::string text_of(const memtrack_counters& c) {
  return "allocated " + std::to_string(c.allocated_bytes) + "/" + std::to_string(c.allocations) +
         " freed " + std::to_string(c.freed_bytes) + "/" + std::to_string(c.frees) + " inuse " +
         std::to_string(static_cast<std::int64_t>(c.inuse_bytes)) + " untracked " +
         std::to_string(c.untracked_frees);
}

inline memtrack_counters operator-(const memtrack_counters& a, const memtrack_counters& b) {
  return {a.allocated_bytes - b.allocated_bytes, a.freed_bytes - b.freed_bytes,
          a.allocations - b.allocations,         a.frees - b.frees,
          a.inuse_bytes - b.inuse_bytes,         a.untracked_frees - b.untracked_frees};
}

/// What the counters grew by since it was made.
class Growth {
 public:
  [[nodiscard]] std::string text() const { return text_of(memtrack_stats() - start_); }

 private:
  memtrack_counters start_ = memtrack_stats();
};

}  // namespace heapwatch::memtrack
