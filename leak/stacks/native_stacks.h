// The stacks by which a program that is watched holds more native memory than before.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "leak/looks.h"
#include "memory/native/watched_process.h"

namespace heapwatch::leak::stacks {

/// What the books of the program count as alive, by space; exact. Of one whose accounting began
/// while it ran: by how much it grew since. Of an interpreter that is not watched: nothing.
[[nodiscard]] std::vector<Amount> counted_by_books(const memory::native::WatchedProcess& process);

/// The samples of a program at several moments, stack by stack.
class NativeStacks {
 public:
  static constexpr std::size_t moments_usual = 48;

  /// More moments are thinned out: every other one is dropped. An even number.
  explicit NativeStacks(std::size_t moments_max = moments_usual) : moments_max_(moments_max) {}

  /// `at`: as that of looks, or the number of runs. `heap`: of one process, each time.
  void take(memory::native::NativeHeap heap, double at);
  /// Gives back most of the memory; growth is told again after the next take().
  void drop_last() { last_ = {}; }
  [[nodiscard]] std::size_t moments() const { return times_.size(); }
  /// The stacks that hold more than at the first moment from `begin` on, the largest of each space
  /// first, with the names of their functions. Takes a while.
  [[nodiscard]] std::vector<SiteGrowth> sites(double begin = 0) const;

  /// The records of one stack, and what it held at each moment.
  struct Stack {
    std::size_t record = 0;  // one of them
    std::vector<double> bytes;
    std::vector<double> blocks;
    double used = 0;  // bytes that were ever allocated
    /// Of what it held at the first moment and at half time, what it holds still.
    std::array<double, 2> then{};
    std::array<double, 2> still{};
    std::set<std::size_t> ages;  // parts of the time in which it made what lives
    bool are_ages_known = true;
  };

 private:
  struct Moment {
    std::chrono::milliseconds clock{0};  // of the books
    std::vector<double> bytes;           // alive, by record: records are only ever added to
    std::vector<double> blocks;
  };

  [[nodiscard]] std::vector<Stack> stacks(std::size_t first) const;

  std::size_t moments_max_;
  std::vector<double> times_;
  std::vector<Moment> moments_;
  memory::native::NativeHeap last_;
};

}  // namespace heapwatch::leak::stacks
