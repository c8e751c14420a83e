#include "exporters/prometheus/series_group.h"

#include "base/log.h"
#include "exporters/prometheus/self_metrics.h"

namespace heapwatch::exporters::prometheus {

namespace {

// Runs without the series after which what was rendered for it goes.
constexpr std::uint64_t kept_runs = 16;

// Names told of, so that the log and its memory stay bounded.
constexpr std::size_t told_max = 10'000;

constexpr std::uint64_t never = ~std::uint64_t{0};

std::string describe(const std::string& name, FamilyType type) {
  return "\"" + name + "\" (" + std::string(to_text(type)) + ")";
}

}  // namespace

void Drops::count(std::string_view reason) {
  if (self_) {
    self_->count_dropped_series(reason);
  }
}

void Drops::tell(std::string_view reason, const std::string& name, const std::string& sentence) {
  if (told_.size() < told_max && told_.insert(std::string(reason) + " " + name).second) {
    base::log(base::LogLevel::warn, sentence);
  }
}

void SeriesGroup::begin() {
  ++run_;
  position_ = 0;
  same_order_ = true;
}

SeriesGroup::Entry& SeriesGroup::next(SeriesPage& page, const metrics::Context& context,
                                      FamilyType type) {
  const std::size_t position = position_++;
  if (position < order_.size() && order_[position]->context == context &&
      order_[position]->type == type) {
    return *order_[position];
  }
  same_order_ = false;
  const auto [found, added] = entries_.try_emplace(context);
  Entry& entry = found->second;
  if (added || entry.type != type) {
    drop_row(page, entry);
    entry = Entry();
    entry.context = context;
    entry.type = type;
    entry.refused_at = never;
  }
  if (position < order_.size()) {
    order_[position] = &entry;
  } else {
    order_.push_back(&entry);
  }
  return entry;
}

void SeriesGroup::place(SharedPage& shared, Entry& entry) {
  const metrics::Context& context = entry.context;
  const std::string name = metric_name(context.name());
  const Placed placed =
      shared.page.find_or_add({.name = name,
                               .type = entry.type,
                               .help = context.help().empty() ? context.name() : context.help(),
                               .labels = render(labels_of(context, shared.constant_labels))});
  entry.row = placed.row;
  if (entry.row == nullptr) {
    const Family& other = *placed.in_the_way;
    entry.refused = other.base() == name ? "type_conflict" : "name_conflict";
    entry.refused_at = shared.page.freed();
    shared.drops.tell(entry.refused, context.name(),
                      describe(context.name(), entry.type) +
                          " is not on the metrics page: its name is taken by " +
                          describe(other.base(), other.type()));
  }
}

void SeriesGroup::put(SharedPage& shared, const metrics::Context& context, FamilyType type,
                      std::span<const base::Number> values) {
  Entry& entry = next(shared.page, context, type);
  entry.run = run_;
  if (entry.row == nullptr && entry.refused_at != shared.page.freed()) {
    place(shared, entry);
  }
  if (entry.row == nullptr) {
    shared.drops.count(entry.refused);
    return;
  }
  if (entry.row->owner != nullptr && entry.row->owner != &entry) {
    shared.drops.count("duplicate");
    shared.drops.tell("duplicate", context.name(),
                      describe(context.name(), type) +
                          ": several series come to the same name and labels on the metrics page; "
                          "the last value is shown");
  }
  if (!shared.page.show(*entry.row, &entry, values)) {
    shared.drops.count("negative");
    shared.drops.tell("negative", context.name(),
                      describe(context.name(), type) +
                          " is not shown in OpenMetrics, which has no negative counts");
  }
}

void SeriesGroup::end(SeriesPage& page) {
  if (same_order_ && position_ == order_.size() && position_ == entries_.size()) {
    return;
  }
  order_.resize(position_);
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = it->second;
    const std::uint64_t absent_runs = run_ - entry.run;
    if (absent_runs > 0 && entry.row != nullptr && entry.row->owner == &entry) {
      page.hide(*entry.row);
    }
    if (absent_runs > kept_runs) {
      drop_row(page, entry);
      it = entries_.erase(it);
    } else {
      ++it;
    }
  }
  page.sweep();
}

void SeriesGroup::drop_row(SeriesPage& page, Entry& entry) {
  if (entry.row == nullptr) {
    return;
  }
  if (entry.row->owner == &entry) {
    page.hide(*entry.row);
  }
  page.release(*entry.row);
  entry.row = nullptr;
}

void SeriesGroup::remove_all(SeriesPage& page) {
  for (auto& [context, entry] : entries_) {
    drop_row(page, entry);
  }
  entries_.clear();
  order_.clear();
  page.sweep();
}

}  // namespace heapwatch::exporters::prometheus
