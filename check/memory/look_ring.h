// The looks at a process over a length of time, so many at most.
//
// The time is cut into slots of equal length, and each slot keeps one look, so that what is kept,
// and what judging it costs, is the same after a day as after a minute. Of the looks in one slot
// the one with the least in use stays: what is made and thrown away again counts as little as it
// can, as leak/series.h wants it. A look whose heaps could all be read comes before one in which
// they changed under the eyes of the reader.
//
// A kept look is numbers alone, some 300 bytes: names of rows are kept once for each process, and
// the sizes of blocks and types, which are many, at the beginning of each half of the time only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "leak/looks.h"

namespace heapwatch::check::memory {

/// The names of the rows of a process, with their places in a kept look.
///
/// What no rule of the verdict tells apart is one row: all pages of files, all shared memory, all
/// mappings without an owner. Beyond `rows_max` a new owner is "other".
class RowNames {
 public:
  static constexpr std::size_t rows_max = 48;

  [[nodiscard]] std::size_t place_of(const leak::Amount& row);
  [[nodiscard]] const leak::Amount& at(std::size_t place) const { return names_[place]; }

 private:
  std::vector<leak::Amount> names_;
};

class LookRing {
 public:
  static constexpr std::size_t slots = 48;

  /// `length` in seconds.
  explicit LookRing(double length) : length_(length) {}

  /// Whether a slot began with it: the one before is complete. `look.at` does not go back.
  bool add(const leak::Look& look, RowNames& names);
  /// By time; those of the last `length` seconds.
  [[nodiscard]] std::vector<leak::Look> looks(const RowNames& names) const;
  [[nodiscard]] double length() const { return length_; }
  [[nodiscard]] std::size_t size() const { return kept_.size(); }

 private:
  struct Groups {
    std::vector<leak::Group> sizes;
    std::vector<leak::Group> types;
  };
  struct Kept {
    double at = 0;
    std::int64_t slot = 0;
    std::size_t torn = 0;       // spaces
    std::size_t live_rows = 0;  // the more of them the more was recognised
    double live = 0;            // bytes
    std::vector<double> counters;
    std::vector<double> rows;  // by place; not a number: it has no such row
    std::vector<std::string> torn_spaces;
    std::shared_ptr<const Groups> groups;  // null: not kept
  };
  void take_all_memory(std::size_t rows);
  void fill(Kept& kept, const leak::Look& look, RowNames& names) const;

  double length_;
  std::vector<Kept> kept_;   // by time
  std::vector<Kept> spare_;  // their memory, so that a ring is as large at first as when it is full
};

}  // namespace heapwatch::check::memory
