#include "check/memory/look_ring.h"

#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace heapwatch::check::memory {

namespace {

using leak::Amount;
using leak::GoState;
using leak::Look;

constexpr double absent = std::numeric_limits<double>::quiet_NaN();
constexpr std::array counters{&Look::cpu_seconds, &Look::virtual_bytes, &Look::threads,
                              &Look::descriptors, &Look::connections,   &Look::room};
constexpr std::array go_counters{&GoState::collections, &GoState::next_gc, &GoState::heap_live,
                                 &GoState::held,        &GoState::sys,     &GoState::goroutines};
constexpr std::size_t plain_counters = 3;  // rss, trim_bytes, arenas

/// In place of what `values` held.
void set_values(const Look& look, std::vector<double>& values) {
  values.assign({look.rss, look.trim_bytes, look.arenas});
  for (const auto member : counters) {
    values.push_back((look.*member).value_or(absent));
  }
  for (const auto member : go_counters) {
    values.push_back((look.go.*member).value_or(absent));
  }
}

std::optional<double> known(double value) {
  return std::isnan(value) ? std::nullopt : std::optional(value);
}

void set_counters(Look& look, const std::vector<double>& values) {
  look.rss = values[0];
  look.trim_bytes = values[1];
  look.arenas = values[2];
  std::size_t next = plain_counters;
  for (const auto member : counters) {
    look.*member = known(values[next++]);
  }
  for (const auto member : go_counters) {
    look.go.*member = known(values[next++]);
  }
}

/// What the row is told by, without what no rule asks for.
Amount name_of_row(const Amount& row) {
  Amount name{.space = row.space, .owner = row.owner, .state = row.state};
  if (row.space == "files" || row.space == "shared" || row.space == "unexplained") {
    name.owner.clear();
  } else if (row.owner.starts_with("[anon")) {
    name.owner = "[anon]";
  }
  return name;
}

}  // namespace

std::size_t RowNames::place_of(const Amount& row) {
  const Amount name = name_of_row(row);
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (names_[i] == name) {
      return i;
    }
  }
  // The last place is for all that has none of its own.
  if (names_.size() + 1 >= rows_max) {
    if (names_.size() + 1 == rows_max) {
      names_.push_back({.space = "other", .owner = "smaller owners", .state = "mapped"});
    }
    return rows_max - 1;
  }
  names_.push_back(name);
  return names_.size() - 1;
}

/// A ring that grew for as long as its window is would itself be what a leak looks like.
void LookRing::take_all_memory(std::size_t rows) {
  constexpr std::size_t more_rows = 4;
  kept_.reserve(slots + 2);
  spare_.resize(slots + 2);
  for (Kept& kept : spare_) {
    kept.counters.reserve(plain_counters + counters.size() + go_counters.size());
    kept.rows.reserve(rows + more_rows);
  }
}

void LookRing::fill(Kept& kept, const Look& look, RowNames& names) const {
  kept.at = look.at;
  kept.slot = static_cast<std::int64_t>(look.at / (length_ / static_cast<double>(slots)));
  kept.torn = look.torn.size();
  kept.torn_spaces = look.torn;
  kept.groups.reset();
  kept.live_rows = 0;
  kept.live = 0;
  set_values(look, kept.counters);
  kept.rows.clear();
  for (const Amount& row : look.rows) {
    const std::size_t place = names.place_of(row);
    if (place >= kept.rows.size()) {
      kept.rows.resize(place + 1, absent);
    }
    kept.rows[place] = known(kept.rows[place]).value_or(0) + row.bytes;
    if (row.state == "live") {
      ++kept.live_rows;
      kept.live += row.bytes;
    }
  }
}

bool LookRing::add(const Look& look, RowNames& names) {
  if (kept_.empty() && spare_.empty()) {
    take_all_memory(look.rows.size());
  }
  Kept kept;
  if (!spare_.empty()) {
    kept = std::move(spare_.back());
    spare_.pop_back();
  }
  fill(kept, look, names);
  const bool begins = kept_.empty() || kept.slot > kept_.back().slot;
  if (begins) {
    constexpr auto half = static_cast<std::int64_t>(slots / 2);
    if (kept_.empty() || kept.slot / half != kept_.back().slot / half) {
      kept.groups = std::make_shared<const Groups>(Groups{look.sizes, look.types});
    }
    kept_.push_back(std::move(kept));
  } else {
    Kept& last = kept_.back();
    const bool is_better =
        std::pair(kept.torn, last.live_rows) < std::pair(last.torn, kept.live_rows) ||
        (kept.torn == last.torn && kept.live_rows == last.live_rows && kept.live < last.live);
    if (is_better) {
      if (last.groups) {
        kept.groups = std::make_shared<const Groups>(Groups{look.sizes, look.types});
      }
      std::swap(last, kept);
    }
    spare_.push_back(std::move(kept));
  }
  while (kept_.front().at < look.at - length_) {
    kept_.front().groups.reset();
    spare_.push_back(std::move(kept_.front()));
    kept_.erase(kept_.begin());
  }
  return begins;
}

std::vector<Look> LookRing::looks(const RowNames& names) const {
  std::vector<Look> looks;
  looks.reserve(kept_.size());
  for (const Kept& kept : kept_) {
    Look look{.at = kept.at};
    set_counters(look, kept.counters);
    look.torn = kept.torn_spaces;
    for (std::size_t place = 0; place < kept.rows.size(); ++place) {
      if (!std::isnan(kept.rows[place])) {
        look.rows.push_back(names.at(place));
        look.rows.back().bytes = kept.rows[place];
      }
    }
    if (kept.groups) {
      look.sizes = kept.groups->sizes;
      look.types = kept.groups->types;
    }
    looks.push_back(std::move(look));
  }
  return looks;
}

}  // namespace heapwatch::check::memory
