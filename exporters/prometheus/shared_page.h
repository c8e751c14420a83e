// What all sets of series on the metrics page share.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "exporters/prometheus/labels.h"
#include "exporters/prometheus/series_page.h"

namespace heapwatch::exporters::prometheus {

class SelfMetrics;

/// Counts the series that cannot be on the page by reason, and tells of each name once; as far as
/// there is memory for that.
class Drops {
 public:
  explicit Drops(std::shared_ptr<SelfMetrics> self) : self_(std::move(self)) {}
  void count(std::string_view reason) noexcept;
  /// `make_sentence` is called when there is something to tell.
  template <typename MakeSentence>
  void tell(std::string_view reason, const std::string& name,
            const MakeSentence& make_sentence) noexcept {
    try {
      if (is_new(reason, name)) {
        say(make_sentence());
      }
    } catch (const std::bad_alloc&) {
      return;  // it is counted
    }
  }

 private:
  [[nodiscard]] bool is_new(std::string_view reason, const std::string& name);
  static void say(const std::string& sentence);

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
  void leave(SeriesPage::FamilyIndex family, Family::RowIndex row) noexcept;
  /// Removes so many of those users, the latest first; false when there are no more.
  bool tidy(std::size_t count);

 private:
  struct Use {
    SeriesPage::FamilyIndex family;
    Family::RowIndex row;
  };
  void remove(const Use& use);

  std::vector<Use> leaving_;
};

}  // namespace heapwatch::exporters::prometheus
