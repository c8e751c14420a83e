// A set of series that is replaced as a whole: one instance's series of its last run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/number.h"
#include "exporters/prometheus/labels.h"
#include "exporters/prometheus/series_page.h"
#include "metrics/context.h"

namespace heapwatch::exporters::prometheus {

class SelfMetrics;

/// Counts the series that cannot be on the page by reason, and tells of each name once.
class Drops {
 public:
  explicit Drops(std::shared_ptr<SelfMetrics> self) : self_(std::move(self)) {}
  void count(std::string_view reason);
  void tell(std::string_view reason, const std::string& name, const std::string& sentence);

 private:
  std::shared_ptr<SelfMetrics> self_;  // may be null
  std::unordered_set<std::string> told_;
};

/// What all groups share.
class SharedPage {
 public:
  SharedPage(std::vector<int> percentiles, bool suffixes, Labels labels, Drops counted)
      : page(std::move(percentiles), suffixes),
        constant_labels(std::move(labels)),
        drops(std::move(counted)) {}

  SeriesPage page;
  Labels constant_labels;
  Drops drops;

  /// A row that is hidden has a user less, as soon as there is time.
  void leave(SeriesPage::FamilyIndex family, Family::RowIndex row) {
    leaving_.push_back({family, row});
  }
  /// Removes so many of those users, the latest first; false when there are no more.
  bool tidy(std::size_t count);

 private:
  struct Use {
    SeriesPage::FamilyIndex family;
    Family::RowIndex row;
  };
  std::vector<Use> leaving_;
};

/// The rows of a set of series, in the order of its last run: eight bytes a series.
///
/// A series that a run does not have is hidden, and keeps its row, and so its name, for some runs.
///
/// Threads: not safe. It is known to its rows by its address.
class SeriesGroup {
 public:
  class Run;

  SeriesGroup() = default;
  SeriesGroup(const SeriesGroup&) = delete;
  SeriesGroup& operator=(const SeriesGroup&) = delete;
  ~SeriesGroup() = default;

  void remove_all(SharedPage& shared);

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
  base::Interned<metrics::TagsAndHost> tags_and_host_;  // of all, unless
  std::unique_ptr<std::vector<base::Interned<metrics::TagsAndHost>>>
      each_tags_and_host_;  // each has its own
  std::unique_ptr<std::vector<Absent>> absent_;
};

/// One run of a group. While the series are those of the run before in their order, only values are
/// written.
class SeriesGroup::Run {
 public:
  Run(SeriesGroup& group, SharedPage& shared) : group_(group), shared_(shared) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  /// Ends the run: what was not put is hidden.
  ~Run();

  void put(const metrics::Context& context, FamilyType type, std::span<const base::Number> values);

  /// put() in two steps: first all series are placed, then all are shown, in the same order. Before
  /// the first is shown the page is what it was; other groups may have runs until then.
  void place(const metrics::Context& context, FamilyType type);
  void show(const metrics::Context& context, FamilyType type, std::span<const base::Number> values);

 private:
  /// A place of the run before, or from before that, while it is not known to be in this run.
  struct Left {
    Absent absent;
    bool is_taken = false;
    bool is_shown = false;  // by another series of this run
    bool is_over = false;   // the series has become one of another type
  };

  [[nodiscard]] const base::Interned<metrics::TagsAndHost>& tags_and_host_at(
      std::size_t position) const;
  Place next_place(const metrics::Context& context, FamilyType type);
  void show_at(const Place& place, std::size_t position, const metrics::Context& context,
               FamilyType type, std::span<const base::Number> values);
  void leave_the_known();
  void keep(const Place& place, const base::Interned<metrics::TagsAndHost>& tags_and_host);
  Place find_place(const metrics::Context& context, FamilyType type);
  Place refuse(const metrics::Context& context, FamilyType type, SeriesPage::FamilyIndex other);
  void take(const Place& place);
  [[nodiscard]] std::span<Left> left_at(const Place& place);
  void end_left(const Left& left, std::vector<Absent>& absent);
  void store();

  SeriesGroup& group_;
  SharedPage& shared_;
  std::size_t position_ = 0;  // of the next that is placed
  std::size_t shown_ = 0;     // so many of those
  bool is_as_known_ = true;   // so far; what follows is not in use
  std::vector<Place> places_;
  std::vector<base::Interned<metrics::TagsAndHost>> each_tags_and_host_;
  std::vector<Left> left_;  // sorted by place
  base::Interned<metrics::TagsAndHost> labels_of_;
  std::string labels_;       // of that
  LabelTextPtr label_text_;  // of those
  std::size_t removed_ = 0;
};

}  // namespace heapwatch::exporters::prometheus
