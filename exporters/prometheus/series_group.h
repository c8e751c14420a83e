// A set of series that is replaced as a whole: one instance's series of its last run.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
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
struct SharedPage {
  SeriesPage page;
  Labels constant_labels;
  Drops drops;
};

/// Between begin() and end() each series of the run is put; those not put are hidden. What was
/// rendered for them is kept for some runs, so that a series that comes and goes costs nothing.
/// With the same contexts in the same order as in the run before, only values are written.
///
/// Threads: not safe.
class SeriesGroup {
 public:
  void begin();
  void put(SharedPage& shared, const metrics::Context& context, FamilyType type,
           std::span<const base::Number> values);
  void end(SeriesPage& page);
  void remove_all(SeriesPage& page);

 private:
  struct Entry {
    metrics::Context context;
    FamilyType type = FamilyType::gauge;
    Row* row = nullptr;            // null: another family is in the way
    const char* refused = "";      // why
    std::uint64_t refused_at = 0;  // SeriesPage::freed() then
    std::uint64_t run = 0;
  };
  struct Hash {
    std::size_t operator()(const metrics::Context& context) const noexcept {
      return context.hash();
    }
  };
  struct Same {
    bool operator()(const metrics::Context& a, const metrics::Context& b) const {
      return a.same_series(b);
    }
  };

  Entry& next(SeriesPage& page, const metrics::Context& context, FamilyType type);
  static void place(SharedPage& shared, Entry& entry);
  static void drop_row(SeriesPage& page, Entry& entry);

  std::unordered_map<metrics::Context, Entry, Hash, Same> entries_;
  std::vector<Entry*> order_;  // of the run before, overwritten by this one as it goes
  std::size_t position_ = 0;
  bool same_order_ = true;
  std::uint64_t run_ = 0;
};

}  // namespace heapwatch::exporters::prometheus
