// Which pages of a process are in memory: the measure of everything else.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "memory/process/facts.h"

namespace heapwatch::memory::process {

/// Resident pages that lie one after the other and are of one kind. Neither swapped pages nor the
/// zero page: the runs of a process add up to its RSS.
struct Run {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  /// The page is of a file or of shared memory. In a private mapping of a file a page that was
  /// written is not.
  bool file = false;
  bool huge = false;
  friend bool operator==(const Run&, const Run&) = default;
};

/// Threads: const functions may be called from several at once.
class Residency {
 public:
  Residency() = default;
  /// `runs` and `swapped` are sorted by address and do not overlap.
  explicit Residency(std::vector<Run> runs, std::vector<Range> swapped = {});

  [[nodiscard]] std::uint64_t total() const { return before_.empty() ? 0 : before_.back(); }
  /// Resident bytes of a range, which need not lie on page borders.
  [[nodiscard]] std::uint64_t bytes(std::uint64_t begin, std::uint64_t end) const;
  [[nodiscard]] bool is_resident(std::uint64_t address) const;
  [[nodiscard]] bool is_swapped(std::uint64_t address) const;

  [[nodiscard]] std::span<const Run> runs() const { return runs_; }
  [[nodiscard]] std::span<const Range> swapped() const { return swapped_; }
  /// The runs that touch a range; the first and the last may reach beyond it.
  [[nodiscard]] std::span<const Run> runs_in(std::uint64_t begin, std::uint64_t end) const;

 private:
  std::vector<Run> runs_;
  std::vector<std::uint64_t> before_;  // [i]: bytes of runs 0 to i - 1; one more than runs
  std::vector<Range> swapped_;
};

/// Residency::bytes for ranges that come in ascending order: a step instead of a search.
class AscendingResidency {
 public:
  explicit AscendingResidency(const Residency& residency) : runs_(residency.runs()) {}
  [[nodiscard]] std::uint64_t bytes(std::uint64_t begin, std::uint64_t end);

 private:
  std::span<const Run> runs_;
  std::size_t next_ = 0;
};

}  // namespace heapwatch::memory::process
