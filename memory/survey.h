// The whole answer to "where is the memory of this process", as plain data.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "memory/cgroup.h"
#include "memory/picture.h"
#include "memory/process/live.h"

namespace heapwatch::memory {

/// Units: bytes.
struct Survey {
  int pid = 0;
  std::string command;       // comm
  std::string command_line;  // arguments with blanks between
  std::chrono::system_clock::time_point time;
  /// Of the two readings of RSS, before and after, the one that is nearer to the rows' sum; and how
  /// far the two and the sum lie apart.
  std::uint64_t rss = 0;
  std::uint64_t rss_uncertainty = 0;
  std::uint64_t pss = 0;
  std::uint64_t swap = 0;
  std::uint64_t huge = 0;
  std::uint64_t hugetlb = 0;  // in pages of hugetlbfs: beside RSS
  std::uint64_t lazy_free = 0;
  std::uint64_t threads = 0;
  std::vector<Row> rows;
  std::vector<Unexplained> unexplained;
  std::vector<Missing> missing;
  std::vector<AllocatorReport> allocators;
  std::vector<TypeCount> types;
  std::optional<ReachReport> reach;
  std::vector<Check> checks;
  std::optional<Cgroup> cgroup;
  std::uint64_t rss_anonymous = 0;
  double cpu_ms = 0;
  double stopped_ms = 0;

  [[nodiscard]] std::uint64_t bytes_of(Space space) const;
};

/// What a look that ran out of its time lacked.
inline constexpr const char* not_in_time = "the rest of its memory";

/// Looks at a running process and adds up its memory. Looks again, up to three times in all, when a
/// heap changed under the eyes of its reader. Past LiveOptions::until no heap is read.
/// Errors: as process::look_at.
[[nodiscard]] base::Result<Survey> survey(int pid, const Options& options = {},
                                          const process::LiveOptions& live = {});

/// The same of a view: what a recording tells.
[[nodiscard]] Survey survey_of(std::shared_ptr<const process::ProcessView> view,
                               const Options& options = {});

}  // namespace heapwatch::memory
