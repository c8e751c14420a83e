#include "exporters/prometheus/series_page.h"

#include <algorithm>
#include <array>

namespace heapwatch::exporters::prometheus {

namespace {

// As Go's client writes them.
const std::array<std::string, 5> quartile_labels{"quantile=\"0\"", "quantile=\"0.25\"",
                                                 "quantile=\"0.5\"", "quantile=\"0.75\"",
                                                 "quantile=\"1\""};

}  // namespace

void Family::Slots::add() {
  if (size_ % in_chunk == 0) {
    chunks_.emplace_back();
    if (chunks_.size() > 1) {
      chunks_.back().reserve(in_chunk);
    }
  }
  chunks_.back().emplace_back();
  ++size_;
}

Family::Family(FamilyText text, FamilyType type, std::string base,
               std::span<const std::string> quantiles)
    : text_(std::move(text)),
      type_(type),
      sums_(type == FamilyType::summary || type == FamilyType::quartiles),
      base_(std::move(base)),
      quantiles_(quantiles) {}

void Family::append(std::string& out, Format format) const {
  const std::size_t before = out.size();
  out += text_.head(format);
  const std::size_t after_head = out.size();
  const Shown least = format == Format::text ? Shown::text_only : Shown::yes;
  slots_.for_each([&](const Slot& slot) {
    if (slot.shown >= least) {
      out += text_.sample(format, slot.part);
      out += slot.labels->text;
      append_value_line(out, base::Number::of(slot.value_form, slot.value_bits));
    }
  });
  if (out.size() == after_head) {
    out.resize(before);
  }
}

Family::RowIndex Family::find(const LabelTextPtr& labels) const {
  if (places_.empty()) {
    return none;
  }
  const std::size_t mask = places_.size() - 1;
  for (std::size_t place = labels.hash() & mask; places_[place] != 0; place = (place + 1) & mask) {
    if (has_labels(places_[place] - 1, labels)) {
      return places_[place] - 1;
    }
  }
  return none;
}

void Family::enter(RowIndex row) {
  const std::size_t mask = places_.size() - 1;
  std::size_t place = key(row).labels.hash() & mask;
  while (places_[place] != 0) {
    place = (place + 1) & mask;
  }
  places_[place] = row + 1;
}

void Family::leave(RowIndex row) {
  const std::size_t mask = places_.size() - 1;
  std::size_t place = key(row).labels.hash() & mask;
  while (places_[place] != row + 1) {
    place = (place + 1) & mask;
  }
  // Those behind it that would not be found across the gap move up.
  std::size_t gap = place;
  places_[gap] = 0;
  for (place = (place + 1) & mask; places_[place] != 0; place = (place + 1) & mask) {
    const std::size_t home = key(places_[place] - 1).labels.hash() & mask;
    if (((place - home) & mask) >= ((place - gap) & mask)) {
      places_[gap] = places_[place];
      places_[place] = 0;
      gap = place;
    }
  }
}

void Family::grow() {
  std::vector<RowIndex> old(std::max<std::size_t>(2, 2 * places_.size()), 0);
  std::swap(old, places_);
  for (const RowIndex row : old) {
    if (row != 0) {
      enter(row - 1);
    }
  }
}

Family::RowIndex Family::add(const LabelTextPtr& text, std::string_view labels) {
  if (places_.size() * 3 <= (rows_ + std::size_t{1}) * 4) {
    grow();
  }
  RowIndex row = free_;
  if (row == none) {
    row = static_cast<RowIndex>(slots_.size() / width());
    for (std::size_t i = 0; i < width(); ++i) {
      slots_.add();
    }
  } else {
    free_ = key(row).users;
  }
  const std::size_t first = row * width();
  for (std::size_t i = 0; i < width(); ++i) {
    Slot& slot = slots_[first + i];
    slot = Slot();
    slot.labels =
        i < quantiles_.size() ? LabelTextPtr(LabelText(enclose(labels, quantiles_[i]))) : text;
  }
  if (sums_) {
    slots_[first + quantiles_.size()].part = Part::sum;
    slots_[first + quantiles_.size() + 1].part = Part::count;
  }
  enter(row);
  ++rows_;
  return row;
}

void Family::remove_user(RowIndex row) {
  const std::uint32_t users = --key(row).users;
  if (users <= 1 && owners_) {
    owners_->erase(row);
  }
  if (users > 0) {
    return;
  }
  leave(row);
  for (std::size_t i = 0; i < width(); ++i) {
    slots_[row * width() + i] = Slot();
  }
  key(row).users = std::exchange(free_, row);
  --rows_;
}

Family::Outcome Family::show(RowIndex row, const RowOwner& owner,
                             std::span<const base::Number> values) {
  Outcome outcome;
  const Slot& first = key(row);
  if (first.users > 1) {
    if (!owners_) {
      owners_ = std::make_unique<std::unordered_map<RowIndex, RowOwner>>();
    }
    RowOwner& known = (*owners_)[row];  // of none: its only user before, if it shows
    outcome.is_contested = first.shown != Shown::no && known != owner;
    known = owner;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    Slot& slot = slots_[row * width() + i];
    slot.value_form = values[i].form();
    slot.value_bits = values[i].bits_of_form();
    const bool text_only = type_ != FamilyType::gauge && values[i].is_negative();
    slot.shown = text_only ? Shown::text_only : Shown::yes;
    outcome.is_in_both = outcome.is_in_both && !text_only;
  }
  return outcome;
}

void Family::hide(RowIndex row, const void* group) {
  if (key(row).users > 1 && owners_) {
    const auto owner = owners_->find(row);
    if (owner != owners_->end() && owner->second.group != group) {
      return;
    }
  }
  for (std::size_t i = 0; i < width(); ++i) {
    slots_[row * width() + i].shown = Shown::no;
  }
}

SeriesPage::SeriesPage(std::vector<int> percentiles, bool suffixes)
    : percentiles_(std::move(percentiles)), suffixes_(suffixes) {
  for (const int percent : percentiles_) {
    quantile_labels_.push_back("quantile=\"" + boundary_text(percent / 100.0) + "\"");
  }
}

SeriesPage::~SeriesPage() = default;

const Family* SeriesPage::taken_by(const std::string& name) const {
  const auto found = taken_.find(name);
  return found == taken_.end() ? nullptr : by_index_[found->second].get();
}

SeriesPage::Found SeriesPage::find_or_add(const Wanted& wanted) {
  const std::string name(wanted.name);
  const std::string base = wanted.type == FamilyType::counter ? without_total(name) : name;
  if (const auto found = taken_.find(base); found != taken_.end()) {
    const Family& family = *by_index_[found->second];
    const bool same = family.type() == wanted.type && family.base() == base;
    return same ? Found{.family = found->second} : Found{.in_the_way = found->second};
  }
  const auto names = claimed_names(base, wanted.type);
  for (const std::string& claimed : names) {
    if (const auto found = taken_.find(claimed); found != taken_.end()) {
      return {.in_the_way = found->second};
    }
  }
  std::span<const std::string> quantiles;
  if (wanted.type == FamilyType::summary) {
    quantiles = quantile_labels_;
  } else if (wanted.type == FamilyType::quartiles) {
    quantiles = quartile_labels;
  }
  if (free_.empty()) {
    free_.push_back(static_cast<FamilyIndex>(by_index_.size()));
    by_index_.emplace_back();
    positions_.emplace_back();
  }
  const FamilyIndex index = free_.back();
  free_.pop_back();
  by_index_[index] =
      std::make_unique<Family>(FamilyText({.base = base, .plain_name = name, .suffixes = suffixes_},
                                          wanted.type, wanted.help),
                               wanted.type, base, quantiles);
  positions_[index] = order_.size();
  order_.push_back(index);
  for (const std::string& claimed : names) {
    taken_.emplace(claimed, index);
  }
  return {.family = index};
}

void SeriesPage::drop(FamilyIndex index) {
  const Family& family = *by_index_[index];
  for (const std::string& claimed : claimed_names(family.base(), family.type())) {
    taken_.erase(claimed);
  }
  order_[positions_[index]] = Found::none;
  by_index_[index].reset();
  free_.push_back(index);
  if (++gone_ <= order_.size() / 2) {
    return;
  }
  std::erase(order_, Found::none);
  gone_ = 0;
  for (std::size_t position = 0; position < order_.size(); ++position) {
    positions_[order_[position]] = position;
  }
}

void SeriesPage::append(std::string& out, Format format) const {
  for (const FamilyIndex index : order_) {
    if (index != Found::none) {
      by_index_[index]->append(out, format);
    }
  }
}

}  // namespace heapwatch::exporters::prometheus
