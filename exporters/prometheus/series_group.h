// A set of series that is replaced as a whole: one instance's series of its last run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/number.h"
#include "base/remembered.h"
#include "exporters/prometheus/series_page.h"
#include "exporters/prometheus/shared_page.h"
#include "metrics/context.h"

namespace heapwatch::exporters::prometheus {

/// The rows of a set of series, in the order of its last run: eight bytes a series.
///
/// A series that a run does not have is hidden, and keeps its row, and so its name, for some runs:
/// for fewer where these are more than those it has and `absent_max`, and for none while the
/// process remembers enough.
///
/// Threads: not safe. It is known to its rows by its address.
class SeriesGroup {
 public:
  class Run;
  static constexpr std::size_t absent_max = 1024;

  SeriesGroup() = default;
  SeriesGroup(const SeriesGroup&) = delete;
  SeriesGroup& operator=(const SeriesGroup&) = delete;
  ~SeriesGroup() = default;

  void remove_all(SharedPage& shared) noexcept;

 private:
  struct Place {
    SeriesPage::FamilyIndex family = SeriesPage::Found::none;  // none: it cannot be on the page
    Family::RowIndex row = Family::none;
    bool operator==(const Place&) const = default;
  };
  struct Absent {
    Place place;
    unsigned runs = 0;  // so many now
  };

  std::vector<Place> places_;
  base::Interned<metrics::TagsAndHost> origin_;                                 // of all, unless
  std::unique_ptr<std::vector<base::Interned<metrics::TagsAndHost>>> origins_;  // each has its own
  std::unique_ptr<std::vector<Absent>> absent_;
  base::Remembers remembers_;  // of all these

  void count_bytes();
};

/// One run of a group. While the series are those of the run before in their order, only values are
/// written.
///
/// Small ones are put one by one, and end. Those of large ones go through four passes, each of
/// which can be left and taken up again while other groups have runs: all series are placed, where
/// the names, labels and rows are made; prepare(); then they are shown later, and what is not in
/// the run is hidden later; change() is one step, after which the page shows the run and nothing of
/// the one before; and all that is settled.
///
/// Errors: put(), place(), prepare() and end() may find no memory.
class SeriesGroup::Run {
 public:
  Run(SeriesGroup& group, SharedPage& shared) : group_(group), shared_(shared) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  /// A run that has changed the page is settled. One that is not ended comes to nothing; of what it
  /// has put some may be on the page: it is for whoever found no memory to take the group off it.
  ~Run();

  void put(const metrics::Context& context, FamilyType type, std::span<const base::Number> values);
  /// What was not put is hidden.
  void end();

  void place(const metrics::Context& context, FamilyType type);
  /// Takes all memory that the rest needs.
  void prepare();
  /// In the order in which they were placed.
  void show_later(const metrics::Context& context, FamilyType type,
                  std::span<const base::Number> values);
  /// So many; false when those were the last.
  [[nodiscard]] bool hide_later(std::size_t count);
  void change();
  /// So many; false when those were the last.
  bool settle(std::size_t count);

 private:
  /// A place of the run before, or from before that, while it is not known to be in this run.
  struct Left {
    Absent absent;
    bool is_taken = false;
    bool is_shown = false;  // by another series of this run
    bool is_over = false;   // the series has become one of another type
  };
  /// A row that has a user more than before the run; while there was no memory for that, perhaps
  /// a row without users or a family without rows.
  struct Added {
    Place place;
    bool has_user = false;
  };

  [[nodiscard]] const base::Interned<metrics::TagsAndHost>& origin_at(std::size_t position) const;
  Place next_place(const metrics::Context& context, FamilyType type);
  void tell_of(const Family::Outcome& outcome, const metrics::Context& context, FamilyType type);
  void leave_the_known();
  void make_room();
  void keep(const Place& place, const base::Interned<metrics::TagsAndHost>& origin);
  Place find_place(const metrics::Context& context, FamilyType type);
  Place refuse(const metrics::Context& context, FamilyType type, SeriesPage::FamilyIndex other);
  void take(const Place& place);
  [[nodiscard]] std::span<Left> left_at(const Place& place);
  /// For how many runs a series that is not there keeps its row.
  [[nodiscard]] unsigned runs_to_keep() const;
  /// Whether the page shows it and is not to.
  [[nodiscard]] static bool is_to_be_hidden(const Left& left) {
    return !left.is_taken && left.absent.runs == 0 && !left.is_shown;
  }
  void prepare_end();
  void adopt();
  void end_left(const Left& left);
  void finish();
  void undo();

  SeriesGroup& group_;
  SharedPage& shared_;
  std::size_t position_ = 0;  // of the next that is placed
  std::size_t shown_ = 0;     // so many of those
  bool is_as_known_ = true;   // so far; what follows is not in use
  std::vector<Place> places_;
  std::vector<base::Interned<metrics::TagsAndHost>> origins_;
  std::vector<Left> left_;  // sorted by place
  std::vector<Added> added_;
  base::Interned<metrics::TagsAndHost> labels_of_;
  std::string labels_;       // of that
  LabelTextPtr label_text_;  // of those

  // From prepare() on:
  unsigned kept_runs_ = 0;
  std::vector<Place> new_places_;
  std::unique_ptr<std::vector<base::Interned<metrics::TagsAndHost>>> new_origins_;
  std::unique_ptr<std::vector<Absent>> absent_;
  std::size_t lines_ = 0;  // that change later
  std::vector<Change> changes_;
  std::size_t cursor_ = 0;  // of the pass that is going on
  bool is_done_ = false;    // the page is changed
  bool is_ended_ = false;
  std::size_t removed_ = 0;
};

}  // namespace heapwatch::exporters::prometheus
