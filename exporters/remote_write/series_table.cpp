#include "exporters/remote_write/series_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <unordered_set>
#include <utility>

#include "exporters/prometheus/series_page.h"

namespace heapwatch::exporters::remote_write {

namespace {

using base::Number;
using prometheus::FamilyType;

// As Go's client writes them, and the metrics page.
constexpr std::array<std::string_view, 5> quartiles{"0", "0.25", "0.5", "0.75", "1"};

bool has_parts(FamilyType type) {
  return type == FamilyType::summary || type == FamilyType::quartiles;
}

MetadataType metadata_type(FamilyType type) {
  switch (type) {
    case FamilyType::counter:
    case FamilyType::lone_total:
      return MetadataType::counter;
    case FamilyType::gauge:
      return MetadataType::gauge;
    case FamilyType::summary:
    case FamilyType::quartiles:
      return MetadataType::summary;
    case FamilyType::histogram:
      return MetadataType::histogram;
    case FamilyType::unknown:
      break;
  }
  return MetadataType::unknown;
}

std::string sample_name(const std::string& metric, FamilyType type, bool suffixes) {
  std::string name = prometheus::metric_name(metric);
  if (type == FamilyType::counter && suffixes) {
    return prometheus::without_total(std::move(name)) + "_total";
  }
  return name;
}

std::uint64_t bits_of(const Number& number) {
  const double value = number.to_double();
  return std::isnan(value) ? plain_nan_bits : std::bit_cast<std::uint64_t>(value);
}

}  // namespace

// --- the table

SeriesTable::Index SeriesTable::find_or_add(const SeriesNamePtr& name, const LabelBytesPtr& labels,
                                            const MetadataPtr& metadata, FamilyType type) {
  if (places_.size() * 3 <= (used_ + 1) * 4) {
    grow();
  }
  const std::size_t mask = places_.size() - 1;
  for (std::size_t place = hash_of(name, labels) & mask; places_[place] != 0;
       place = (place + 1) & mask) {
    const Series& there = series_[places_[place] - 1];
    if (there.name == name && there.labels == labels) {
      return places_[place] - 1;
    }
  }
  Index index = free_;
  if (index == none) {
    index = static_cast<Index>(series_.size());
    series_.emplace_back();
    count_bytes();
  } else {
    free_ = series_[index].users;
  }
  Series& made = series_[index];
  made = Series{.name = name, .labels = labels, .metadata = metadata, .type = type};
  enter(index);
  ++used_;
  return index;
}

void SeriesTable::enter(Index index) {
  const std::size_t mask = places_.size() - 1;
  std::size_t place = hash_of(series_[index].name, series_[index].labels) & mask;
  while (places_[place] != 0) {
    place = (place + 1) & mask;
  }
  places_[place] = index + 1;
}

void SeriesTable::leave(Index index) {
  const std::size_t mask = places_.size() - 1;
  std::size_t place = hash_of(series_[index].name, series_[index].labels) & mask;
  while (places_[place] != index + 1) {
    place = (place + 1) & mask;
  }
  // Those behind it that would not be found across the gap move up.
  std::size_t gap = place;
  places_[gap] = 0;
  for (place = (place + 1) & mask; places_[place] != 0; place = (place + 1) & mask) {
    const Series& there = series_[places_[place] - 1];
    const std::size_t home = hash_of(there.name, there.labels) & mask;
    if (((place - home) & mask) >= ((place - gap) & mask)) {
      places_[gap] = std::exchange(places_[place], 0);
      gap = place;
    }
  }
}

void SeriesTable::grow() {
  constexpr std::size_t places_min = 64;
  std::vector<Index> old(std::max(places_min, 2 * places_.size()), 0);
  std::swap(old, places_);
  for (const Index known : old) {
    if (known != 0) {
      enter(known - 1);
    }
  }
  count_bytes();
}

void SeriesTable::count_bytes() {
  remembers_.set(series_.capacity() * sizeof(Series) + places_.capacity() * sizeof(Index));
}

void SeriesTable::release(Index index) {
  leave(index);
  series_[index] = Series{.users = std::exchange(free_, index)};
  --used_;
}

void SeriesTable::emit(const Point& point, std::int64_t time_ms, SampleSink& sink) {
  Series& series = series_[point.series];
  if (point.is_stale) {
    series.is_ending = false;
    if (series.users > 0) {
      return;  // another group has it again
    }
  }
  const bool is_newer = time_ms > series.last_ms;
  if (is_newer || (point.is_stale && series.last_ms != never)) {
    series.last_ms = is_newer ? time_ms : series.last_ms + 1;
    sink.add(Line{.before_name = series.labels->before_name(),
                  .name = series.name->label(),
                  .after_name = series.labels->after_name(),
                  .metadata = &*series.metadata,
                  .value_bits = point.bits,
                  .time_ms = series.last_ms},
             hash_of(series.name, series.labels));
  } else {
    ++counts_.duplicates;
  }
  if (point.is_stale) {
    release(point.series);
  }
}

void SeriesTable::end_all(Group& group, std::int64_t time_ms, SampleSink& sink) {
  Run run(*this, group, time_ms);
  run.end();
  while (run.emit(sink, series_.size() + 1)) {
  }
}

std::vector<MetadataPtr> SeriesTable::all_metadata() const {
  std::unordered_set<const Metadata*> known;
  std::vector<MetadataPtr> all;
  for (const Series& series : series_) {
    if (series.name && known.insert(&*series.metadata).second) {
      all.push_back(series.metadata);
    }
  }
  return all;
}

// --- a run

SeriesTable::Run::Run(SeriesTable& table, Group& group, std::int64_t time_ms)
    : table_(table), group_(group), time_ms_(time_ms), run_(++table.runs_) {
  points_.reserve(group.lines_.size());
}

SeriesTable::Run::~Run() {
  if (!is_ended_) {
    for (const Index index : lines_) {
      if (index == none) {
        continue;
      }
      Series& series = table_.series_[index];
      if (--series.users == 0 && !series.is_ending) {
        table_.release(index);  // the group has not got it either: it was new
      }
    }
    return;
  }
  for (; emitted_ < points_.size(); ++emitted_) {
    const Point& point = points_[emitted_];
    Series& series = table_.series_[point.series];
    if (point.is_stale) {
      series.is_ending = false;
      if (series.users == 0) {
        table_.release(point.series);
      }
    }
  }
}

void SeriesTable::Run::put(const metrics::Context& context, FamilyType type,
                           std::span<const Number> values) {
  if (is_as_known_) {
    const bool is_known =
        entry_ < group_.entries_.size() && group_.entries_[entry_].name == context.metric_name() &&
        group_.entries_[entry_].origin == context.tags_and_host() &&
        group_.entries_[entry_].type == type && group_.entries_[entry_].lines == values.size();
    if (is_known) {
      for (const Number& value : values) {
        put_value(group_.lines_[line_++], type, value);
      }
      ++entry_;
      return;
    }
    leave_the_known();
  }
  const std::size_t first = lines_.size();
  find_lines(context, type);
  const std::size_t lines = std::min(lines_.size() - first, values.size());
  for (std::size_t i = 0; i < lines; ++i) {
    put_value(lines_[first + i], type, values[i]);
  }
  entries_.push_back({.name = context.metric_name(),
                      .origin = context.tags_and_host(),
                      .lines = static_cast<std::uint32_t>(lines_.size() - first),
                      .type = type});
}

void SeriesTable::Run::put_value(Index index, FamilyType type, const Number& value) {
  if (index == none) {
    return;
  }
  Series& series = table_.series_[index];
  if (series.type != type && series.users > 1) {
    ++table_.counts_.type_conflicts;
    return;
  }
  series.type = type;  // who had it with another type is gone
  if (series.run == run_) {
    ++table_.counts_.duplicates;
    points_[series.point].bits = bits_of(value);
    return;
  }
  series.run = run_;
  series.point = static_cast<std::uint32_t>(points_.size());
  points_.push_back({.series = index, .bits = bits_of(value)});
}

void SeriesTable::Run::leave_the_known() {
  is_as_known_ = false;
  entries_.reserve(group_.entries_.size());
  lines_.reserve(group_.lines_.size());
  entries_.assign(group_.entries_.begin(),
                  group_.entries_.begin() + static_cast<std::ptrdiff_t>(entry_));
  for (std::size_t i = 0; i < line_; ++i) {
    if (group_.lines_[i] != none) {
      ++table_.series_[group_.lines_[i]].users;
    }
    lines_.push_back(group_.lines_[i]);
  }
}

void SeriesTable::Run::add_line(const SeriesNamePtr& name, const LabelBytesPtr& labels,
                                const MetadataPtr& metadata, FamilyType type) {
  lines_.reserve(lines_.size() + 1);
  const Index index = table_.find_or_add(name, labels, metadata, type);
  Series& series = table_.series_[index];
  if (series.users++ == 0) {
    series.type = type;  // it may be one that was about to end
    series.metadata = metadata;
  }
  lines_.push_back(index);
}

void SeriesTable::Run::find_lines(const metrics::Context& context, FamilyType type) {
  if (!(origin_ == context.tags_and_host())) {
    origin_ = {};
    labels_ = prometheus::labels_of(*context.tags_and_host(), table_.options_.labels);
    label_bytes_ = LabelBytesPtr(LabelBytes(labels_));
    origin_ = context.tags_and_host();
  }
  const std::string name = sample_name(context.name(), type, table_.options_.suffixes);
  const MetadataPtr metadata(
      Metadata{.family = name,
               .help = context.help().empty() ? context.name() : context.help(),
               .type = metadata_type(type)});
  if (!has_parts(type)) {
    add_as_told(name, labels_, metadata, type);
    return;
  }
  const auto add_quantile = [&](std::string_view quantile) {
    prometheus::Labels labels = labels_;
    labels["quantile"] = quantile;
    add_as_told(name, labels, metadata, type);
  };
  if (type == FamilyType::quartiles) {
    std::for_each(quartiles.begin(), quartiles.end(), add_quantile);
  } else {
    for (const int percent : table_.options_.percentiles) {
      add_quantile(prometheus::boundary_text(percent / 100.0));
    }
  }
  add_as_told(name + "_sum", labels_, metadata, type);
  add_as_told(name + "_count", labels_, metadata, type);
}

/// `labels` may be `labels_`, whose bytes are known.
void SeriesTable::Run::add_as_told(const std::string& name, const prometheus::Labels& labels,
                                   const MetadataPtr& metadata, FamilyType type) {
  if (!table_.options_.relabel) {
    add_line(SeriesNamePtr(SeriesName(name)),
             &labels == &labels_ ? label_bytes_ : LabelBytesPtr(LabelBytes(labels)), metadata,
             type);
    return;
  }
  prometheus::Labels all = labels;
  all[std::string(name_label)] = name;
  auto told = table_.options_.relabel(std::move(all));
  const std::string new_name = told ? std::exchange((*told)[std::string(name_label)], {}) : "";
  if (new_name.empty()) {
    lines_.push_back(none);
    return;
  }
  told->erase(std::string(name_label));
  const bool is_renamed = new_name != name && !has_parts(type);
  add_line(SeriesNamePtr(SeriesName(new_name)), LabelBytesPtr(LabelBytes(*told)),
           is_renamed ? MetadataPtr(Metadata{
                            .family = new_name, .help = metadata->help, .type = metadata->type})
                      : metadata,
           type);
}

void SeriesTable::Run::end() {
  if (is_as_known_ && entry_ < group_.entries_.size()) {
    leave_the_known();
  }
  if (is_as_known_) {
    is_ended_ = true;
    return;
  }
  points_.reserve(points_.size() + group_.lines_.size());
  is_ended_ = true;
  std::swap(group_.entries_, entries_);
  std::swap(group_.lines_, lines_);
  group_.entries_.shrink_to_fit();
  group_.lines_.shrink_to_fit();
  group_.remembers_.set(group_.entries_.capacity() * sizeof(Group::Entry) +
                        group_.lines_.capacity() * sizeof(Index));
  for (const Index index : lines_) {
    if (index == none) {
      continue;
    }
    Series& series = table_.series_[index];
    if (--series.users == 0 && !series.is_ending) {
      series.is_ending = true;
      points_.push_back({.series = index, .is_stale = true, .bits = stale_bits});
    }
  }
  entries_ = {};
  lines_ = {};
}

bool SeriesTable::Run::emit(SampleSink& sink, std::size_t count) {
  for (; count > 0 && emitted_ < points_.size(); --count) {
    // Counted before it is emitted: one for which there is no memory is lost, and not tried again.
    const Point point = points_[emitted_++];
    table_.emit(point, time_ms_, sink);
  }
  return emitted_ < points_.size();
}

}  // namespace heapwatch::exporters::remote_write
