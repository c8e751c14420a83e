// Where in a process memory grows that is taken for a leak: what its stacks held at one moment, and
// hold some minutes later.
//
// Nothing is taken of a process that does not leak. The first moment is when a judgement calls it a
// leak, which is told to others only some time later; so the place is known by then.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "leak/stacks/native_stacks.h"
#include "memory/native/native_heap.h"

namespace heapwatch::check::memory {

/// What there is that names places; it is taken without harm, as profiles are.
struct PlaceSources {
  std::optional<heapwatch::memory::native::NativeHeap> native;  // of a program under exec, or ours
  std::string go_heap;                                          // a profile; empty: none
  std::string goroutines;
};

/// Threads: not safe. Times in seconds; they do not go back.
class LeakPlaces {
 public:
  /// Between the two moments, and between two tries; of a window that is shorter than ten minutes a
  /// fifth.
  static constexpr double apart_s = 120;
  /// Between two looks at places that are known, and where there was nothing to take.
  static constexpr double again_s = 3600;

  /// `window`: the length of the shortest.
  explicit LeakPlaces(double window) : apart_(std::min(apart_s, window / 5)) {}

  /// Whether sources are to be taken now. `spaces`: those that leak, as judged last.
  [[nodiscard]] bool is_due(double at, const std::vector<std::string>& spaces);
  /// Whether the stacks of goroutines are wanted, too, which hold the program up a little.
  [[nodiscard]] bool wants_goroutines() const { return wants_goroutines_; }
  /// True when places are known that were not before, or others.
  bool take(double at, PlaceSources sources);
  [[nodiscard]] const std::vector<leak::SiteGrowth>& places() const { return places_; }

 private:
  static constexpr std::size_t moments_max = 4;

  void forget();

  double apart_;
  leak::stacks::NativeStacks native_{moments_max};
  std::string go_heap_;  // of the first moment, as goroutines_
  std::string goroutines_;
  std::vector<leak::SiteGrowth> places_;
  std::optional<double> first_at_;
  double last_at_ = 0;
  double leaked_at_ = 0;  // when it was called a leak last
  bool has_sources_ = false;
  bool wants_goroutines_ = false;
};

}  // namespace heapwatch::check::memory
