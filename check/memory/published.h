// The verdict that is told to others: changes that last, and only so many of them.
//
// An opinion is made anew with every look, and near a limit of its rules it goes to and fro. What
// is told changes only when the new verdict has been there for several opinions in a row and for
// some time. A leak that is told is taken back only after the whole of the shortest window, and
// what was known is doubted only after two of them. Each change doubles the time that the next one
// has to last, up to the length of the next longer window, and each quiet time of that length
// halves it again: whatever a process does, changes come to about one in that length.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "check/memory/windows.h"

namespace heapwatch::check::memory {

struct Change {
  leak::Verdict before = leak::Verdict::cannot_tell;
  std::string space_before;
  /// Nothing was known before, and there is no leak: nobody needs to be told.
  bool is_first = false;
};

class Published {
 public:
  /// Opinions in a row that a new verdict takes.
  static constexpr std::size_t in_a_row = 3;

  /// As Windows has them.
  explicit Published(const std::vector<double>& lengths)
      : shortest_(lengths.front()), quiet_(lengths[lengths.size() / 2]) {}

  /// An opinion of the time `at`, in seconds. A change, when what is told is another one now.
  std::optional<Change> take(double at, const Opinion& opinion);

  [[nodiscard]] leak::Verdict verdict() const { return told_.verdict; }
  /// The latest opinion that agrees with the verdict that is told.
  [[nodiscard]] const Opinion& told() const { return told_; }
  /// When the verdict was told first, in seconds.
  [[nodiscard]] double since() const { return since_; }

 private:
  [[nodiscard]] double hold(const Opinion& opinion) const;

  double shortest_;
  double quiet_;
  Opinion told_;
  double since_ = 0;
  bool knows_ = false;  // something was told besides that nothing can be
  double changed_at_ = 0;
  std::size_t doublings_ = 0;
  Opinion next_;
  double next_since_ = 0;
  std::size_t next_count_ = 0;
};

}  // namespace heapwatch::check::memory
