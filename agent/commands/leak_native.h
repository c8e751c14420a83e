// Where a program that was started to be watched has its memory from, for `heapwatch leak`.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "leak/looks.h"
#include "memory/native/watched_process.h"

namespace heapwatch::agent::commands {

/// What the books of the program count as alive, by space; exact.
[[nodiscard]] std::vector<leak::Amount> counted_by_books(
    const memory::native::WatchedProcess& process);

/// The samples of a program at several moments, stack by stack.
class NativeSites {
 public:
  /// More moments are thinned out: every other one is dropped.
  static constexpr std::size_t moments_max = 48;

  /// `at`: as that of looks, or the number of runs.
  void take(const memory::native::WatchedProcess& process, double at);
  [[nodiscard]] std::size_t moments() const { return times_.size(); }
  /// The stacks that hold more than at the first moment from `begin` on, the largest of each space
  /// first, with the names of their functions. Takes a while.
  [[nodiscard]] std::vector<leak::SiteGrowth> sites(double begin = 0) const;

 private:
  struct Moment {
    std::vector<double> bytes;  // alive, by record: records are only ever added to
    std::vector<double> blocks;
  };

  std::vector<double> times_;
  std::vector<Moment> moments_;
  memory::native::NativeHeap last_;
};

}  // namespace heapwatch::agent::commands
