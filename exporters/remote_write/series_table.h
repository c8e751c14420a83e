// The series that an endpoint is sent, and which of them end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/interned.h"
#include "base/number.h"
#include "base/remembered.h"
#include "exporters/prometheus/family.h"
#include "exporters/prometheus/labels.h"
#include "exporters/remote_write/encoder.h"
#include "exporters/remote_write/labels.h"
#include "metrics/context.h"

namespace heapwatch::exporters::remote_write {

/// Takes samples in the order in which they are to be sent.
class SampleSink {
 public:
  SampleSink() = default;
  SampleSink(const SampleSink&) = delete;
  SampleSink& operator=(const SampleSink&) = delete;
  virtual ~SampleSink() = default;

  /// `series_hash` is the same for all samples of a series, in this process and in others. What the
  /// line points to is gone afterwards.
  virtual void add(const Line& line, std::uint64_t series_hash) = 0;
};

/// Names and labels are those of the metrics page.
///
/// Series come in groups, such as those of an instance, and each run of a group has all series that
/// are there: one that no group has any more ends with a stale marker. A receiver refuses a second
/// sample of a series at one time, and one that is older than the last: such are not sent. Of
/// several in one run the last counts, as on the page.
///
/// Threads: not safe. Errors: put(), and the runs' end, may find no memory.
class SeriesTable {
 public:
  struct Options {
    bool suffixes = true;               // as PrometheusOptions
    prometheus::Labels labels;          // on every series that does not have them
    std::vector<int> percentiles = {};  // of summaries
    /// What is sent of a series with these labels, of which `__name__` is one; nothing: none of it.
    /// Asked once for each series. Null: all is sent as it is.
    std::function<std::optional<prometheus::Labels>(prometheus::Labels)> relabel = nullptr;
  };
  struct Counts {
    std::uint64_t duplicates = 0;      // samples that were not sent, or took the place of another
    std::uint64_t type_conflicts = 0;  // likewise: the series is there with another type
  };
  class Group;
  class Run;

  explicit SeriesTable(Options options) : options_(std::move(options)) {}

  /// All series of the group end.
  void end_all(Group& group, std::int64_t time_ms, SampleSink& sink);

  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] std::size_t series() const { return used_; }

  /// Each metadata of a series once.
  [[nodiscard]] std::vector<MetadataPtr> all_metadata() const;

 private:
  using Index = std::uint32_t;
  static constexpr Index none = std::numeric_limits<Index>::max();
  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::min();

  struct Series {
    SeriesNamePtr name;  // null: the place is free, and `users` is the next such place
    LabelBytesPtr labels;
    MetadataPtr metadata;
    std::int64_t last_ms = never;
    std::uint32_t users = 0;
    std::uint32_t run = 0;    // the last that put it
    std::uint32_t point = 0;  // in that run
    bool is_ending = false;   // a run has its stale marker
    prometheus::FamilyType type = prometheus::FamilyType::gauge;
  };
  struct Point {
    Index series = none;
    bool is_stale = false;
    std::uint64_t bits = 0;
  };

  [[nodiscard]] static std::uint64_t hash_of(const SeriesNamePtr& name,
                                             const LabelBytesPtr& labels) {
    return (name.hash() ^ (labels.hash() * 0x9e3779b97f4a7c15U)) * 0xff51afd7ed558ccdU >> 16U;
  }
  [[nodiscard]] Index find_or_add(const SeriesNamePtr& name, const LabelBytesPtr& labels,
                                  const MetadataPtr& metadata, prometheus::FamilyType type);
  void release(Index index);
  void enter(Index index);
  void leave(Index index);
  void grow();
  void emit(const Point& point, std::int64_t time_ms, SampleSink& sink);
  void count_bytes();

  Options options_;
  std::vector<Series> series_;
  std::vector<Index> places_;  // by name and labels, plus one; open addressing, a power of two
  std::size_t used_ = 0;
  Index free_ = none;
  std::uint32_t runs_ = 0;
  Counts counts_{};
  base::Remembers remembers_;
};

/// What one run after the other replaces.
class SeriesTable::Group {
 public:
  Group() = default;
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() = default;

 private:
  friend class SeriesTable;
  friend class SeriesTable::Run;

  struct Entry {
    base::Interned<metrics::MetricName> name;
    base::Interned<metrics::TagsAndHost> origin;
    std::uint32_t lines = 0;  // so many of `lines_`
    prometheus::FamilyType type = prometheus::FamilyType::gauge;
  };
  std::vector<Entry> entries_;
  std::vector<Index> lines_;  // `none`: is not sent
  base::Remembers remembers_;
};

/// One run of a group: put() all, end(), then emit() until it says that those were the last.
///
/// One that is destroyed before end() has changed nothing; after it, what was not emitted is not
/// sent.
class SeriesTable::Run {
 public:
  Run(SeriesTable& table, Group& group, std::int64_t time_ms);
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run();

  /// One value, or the quantiles of a summary, its sum and its count.
  void put(const metrics::Context& context, prometheus::FamilyType type,
           std::span<const base::Number> values);
  /// What was not put is over.
  void end();
  /// So many samples; false when those were the last.
  [[nodiscard]] bool emit(SampleSink& sink, std::size_t count);

 private:
  void leave_the_known();
  void find_lines(const metrics::Context& context, prometheus::FamilyType type);
  void add_as_told(const std::string& name, const prometheus::Labels& labels,
                   const MetadataPtr& metadata, prometheus::FamilyType type);
  void add_line(const SeriesNamePtr& name, const LabelBytesPtr& labels, const MetadataPtr& metadata,
                prometheus::FamilyType type);
  void put_value(Index index, prometheus::FamilyType type, const base::Number& value);

  SeriesTable& table_;
  Group& group_;
  std::int64_t time_ms_;
  std::uint32_t run_;
  bool is_as_known_ = true;  // so far
  bool is_ended_ = false;
  std::size_t entry_ = 0;  // of the group, the next
  std::size_t line_ = 0;
  std::vector<Group::Entry> entries_;  // when it is not as known
  std::vector<Index> lines_;
  std::vector<Point> points_;
  std::size_t emitted_ = 0;
  // Of the entry before:
  base::Interned<metrics::TagsAndHost> origin_;
  prometheus::Labels labels_;
  LabelBytesPtr label_bytes_;
};

}  // namespace heapwatch::exporters::remote_write
