// The state of an aggregator's series that lasts from run to run.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/number.h"
#include "base/remembered.h"
#include "metrics/context.h"
#include "metrics/sample.h"

namespace heapwatch::metrics {

/// The elements of a set with the run that last named them; those not named again go.
class DistinctElements {
 public:
  void add(std::string_view element, std::uint64_t run);
  /// How many were named in the run.
  std::uint64_t end_run(std::uint64_t run);
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };

  std::unordered_map<std::string, std::uint64_t, Hash, std::equal_to<>> last_named_;
  std::uint64_t named_ = 0;
  std::size_t bytes_ = 0;
};

/// The state of a count, a monotonic counter or a rate.
struct Point {
  base::Number value;                          // the last sample; of a count, the sum of all
  std::chrono::steady_clock::time_point time;  // of the sample; of a rate alone
};

/// The state of a histogram, a historate or a set.
struct Collection {
  std::uint64_t count = 0;
  double sum = 0;
  std::optional<Point> last;  // of a historate
  DistinctElements elements;  // of a set
};

/// The series of one check instance, in the order of the run before: 24 bytes each, and the state
/// that their type has. A gauge has none.
///
/// Threads: not safe.
class SeriesMemory {
 public:
  static constexpr std::size_t size_max = 0xfffffe;

  enum class Phase : std::uint8_t {
    sampled,  // has a sample in this run; `at` is the place of its series there
    waiting,  // `at` runs ended since its last sample
    kept,     // ended, and goes on if it comes before `at`, in seconds of the steady clock
    over,
  };
  struct Entry {
    Context context;
    std::uint32_t at = 0;
    std::uint32_t carried : 24 = nothing;  // index of its point or collection
    MetricType type : 3 = MetricType::gauge;
    Phase phase : 2 = Phase::waiting;
    bool totals : 1 = false;             // the samples of this count are running totals
    bool flush_first_value : 1 = false;  // as the last sample said

    [[nodiscard]] bool carries() const { return carried != nothing; }
  };

  /// The position of a run. Most runs have the same series in the same order, so the entry behind
  /// the one found last is looked at first.
  struct Search {
    std::size_t next = 0;
    std::size_t furthest = 0;           // place of an entry with a sample
    bool in_order = true;               // no sample of an entry came after one of a later entry
    std::vector<std::uint32_t> places;  // of all entries by hash; made when a guess was wrong

    void clear() {
      next = 0;
      furthest = 0;
      in_order = true;
      places.clear();
    }
  };

  /// Null when it is not there. Valid until the next add().
  [[nodiscard]] Entry* find(const Context& context, Search& search);
  Entry& add(const Context& context, MetricType type, Search& search);
  /// Gives `entry` another type, and no state.
  static void begin_anew(Entry& entry, MetricType type, Search& search);

  /// The entry's state, which is made where there is none.
  Point& point(Entry& entry);
  Collection& collection(Entry& entry);
  /// Names an element of a set in this run.
  void add_element(Entry& entry, std::string_view element, std::uint64_t run);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  /// Bytes in use, names and tags included, which other instances may share.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// Of one more series.
  [[nodiscard]] static std::size_t bytes_of(const Context& context) {
    return sizeof(Entry) + context.metric_name()->bytes() + context.tags_and_host()->bytes();
  }
  [[nodiscard]] std::vector<Entry>& entries() { return entries_; }

  /// `entry` has its first sample in this run; the series is the run's `at`-th.
  void begin_run(Entry& entry, std::uint32_t at, Search& search);
  /// Ends a run of so many series. Puts the entries into its order where they are not, behind them
  /// those that have no sample; drops those that are over, and gives back room that is not used.
  void end_run(std::size_t sampled, const Search& search);

 private:
  static constexpr std::uint32_t nothing = 0xffffff;

  void enter(std::size_t place, Search& search) const;
  void rearrange(std::size_t sampled);
  void take_over(Entry& entry, SeriesMemory& old);
  void count_bytes();

  std::vector<Entry> entries_;
  std::vector<Point> points_;
  std::vector<std::unique_ptr<Collection>> collections_;
  std::size_t bytes_ = 0;
  bool is_counted_ = true;     // bytes_ is not an estimate
  base::Remembers remembers_;  // without the names, which count where they are
};
static_assert(sizeof(SeriesMemory::Entry) == 24);

}  // namespace heapwatch::metrics
