#include "exporters/prometheus/series_page.h"

#include <algorithm>
#include <array>
#include <new>

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
      quantiles_(quantiles) {
  count_bytes();
}

void Family::count_bytes() {
  constexpr std::size_t of_a_claimed_name = 64;  // with its node
  const std::size_t names = claimed_suffixes(type_).size();
  remembers_.set(sizeof(Family) + text_.bytes() + base_.capacity() +
                 names * (of_a_claimed_name + base_.size()) + slots_.size() * sizeof(Slot) +
                 places_.capacity() * sizeof(RowIndex));
}

void Family::append(std::string& out, Format format) const {
  const std::size_t before = out.size();
  out += text_.head(format);
  const std::size_t after_head = out.size();
  const Shown least = format == Format::text ? Shown::text_only : Shown::yes;
  slots_.for_each([&](const Slot& slot) {
    const Face face = slot.face();
    if (face.shown >= least) {
      out += text_.sample(format, slot.part);
      out += slot.labels->text;
      append_value_line(out, base::Number::of(face.value_form, face.value_bits));
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
  std::vector<LabelTextPtr> of_quantiles;
  of_quantiles.reserve(quantiles_.size());
  for (const std::string& quantile : quantiles_) {
    of_quantiles.emplace_back(LabelText(enclose(labels, quantile)));
  }
  RowIndex row = free_;
  if (row == none) {
    row = static_cast<RowIndex>(slots_.size() / width());
    while (slots_.size() < (row + std::size_t{1}) * width()) {
      slots_.add();
    }
    count_bytes();
  } else {
    free_ = key(row).users;
  }
  const std::size_t first = row * width();
  for (std::size_t i = 0; i < width(); ++i) {
    Slot& slot = slots_[first + i];
    slot = Slot();
    if (i < of_quantiles.size()) {
      slot.labels = std::move(of_quantiles[i]);
    } else {
      slot.labels = text;
    }
  }
  if (sums_) {
    slots_[first + quantiles_.size()].part = Part::sum;
    slots_[first + quantiles_.size() + 1].part = Part::count;
  }
  enter(row);
  ++rows_;
  return row;
}

/// The owner of a row of several users is known, so that show() needs no memory for it.
void Family::add_user(RowIndex row) {
  if (key(row).users > 0) {
    if (!owners_) {
      owners_ = std::make_unique<std::unordered_map<RowIndex, RowOwner>>();
    }
    owners_->try_emplace(row);  // of none: its only user before, if it shows
  }
  ++key(row).users;
}

void Family::remove_user(RowIndex row) {
  const std::uint32_t users = --key(row).users;
  if (users <= 1 && owners_) {
    owners_->erase(row);
  }
  if (users == 0) {
    remove(row);
  }
}

void Family::remove_unless_used(RowIndex row) {
  if (key(row).users == 0) {
    remove(row);
  }
}

void Family::remove(RowIndex row) {
  leave(row);
  for (std::size_t i = 0; i < width(); ++i) {
    slots_[row * width() + i] = Slot();
  }
  key(row).users = std::exchange(free_, row);
  --rows_;
}

Family::Outcome Family::take_over(RowIndex row, const RowOwner& owner) {
  Outcome outcome;
  const Slot& first = key(row);
  if (first.users > 1) {
    RowOwner& known = owners_->at(row);
    outcome.is_contested = first.face().shown != Shown::no && known != owner;
    known = owner;
  }
  return outcome;
}

Face Family::face_of(const base::Number& value) const {
  const bool text_only = type_ != FamilyType::gauge && value.is_negative();
  return {value.bits_of_form(), value.form(), text_only ? Shown::text_only : Shown::yes};
}

Family::Outcome Family::show(RowIndex row, const RowOwner& owner,
                             std::span<const base::Number> values) {
  Outcome outcome = take_over(row, owner);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Face face = face_of(values[i]);
    slots_[row * width() + i].set(face);
    outcome.is_in_both = outcome.is_in_both && face.shown == Shown::yes;
  }
  return outcome;
}

bool Family::is_of_another(RowIndex row, const void* group) const {
  if (key(row).users <= 1 || !owners_) {
    return false;
  }
  const auto owner = owners_->find(row);
  return owner != owners_->end() && owner->second.group != group;
}

void Family::hide(RowIndex row, const void* group) {
  if (is_of_another(row, group)) {
    return;
  }
  for (std::size_t i = 0; i < width(); ++i) {
    slots_[row * width() + i].set({});
  }
}

Family::Outcome Family::show_later(RowIndex row, const RowOwner& owner,
                                   std::span<const base::Number> values, const bool& is_done,
                                   std::vector<Change>& changes) {
  Outcome outcome = take_over(row, owner);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Face face = face_of(values[i]);
    change_later(slots_[row * width() + i], face, is_done, changes);
    outcome.is_in_both = outcome.is_in_both && face.shown == Shown::yes;
  }
  return outcome;
}

void Family::hide_later(RowIndex row, const void* group, const bool& is_done,
                        std::vector<Change>& changes) {
  if (is_of_another(row, group)) {
    return;
  }
  for (std::size_t i = 0; i < width(); ++i) {
    change_later(slots_[row * width() + i], {}, is_done, changes);
  }
}

void Family::change_later(Slot& slot, const Face& after, const bool& is_done,
                          std::vector<Change>& changes) {
  if (slot.is_changing && slot.change().is_done == &is_done) {
    slot.change().after = after;
    return;
  }
  Change& change =
      changes.emplace_back(Change{.before = slot.face(), .after = after, .is_done = &is_done});
  slot.set({std::bit_cast<std::uint64_t>(&change), {}, Shown::no});
  slot.is_changing = true;
}

void Family::settle(RowIndex row, const bool& is_done) {
  for (std::size_t i = 0; i < width(); ++i) {
    Slot& slot = slots_[row * width() + i];
    if (slot.is_changing && slot.change().is_done == &is_done) {
      slot.set(slot.change().face());
    }
  }
}

SeriesPage::SeriesPage(std::vector<int> percentiles, bool suffixes)
    : percentiles_(std::move(percentiles)), suffixes_(suffixes) {
  for (const int percent : percentiles_) {
    quantile_labels_.push_back("quantile=\"" + boundary_text(percent / 100.0) + "\"");
  }
}

SeriesPage::~SeriesPage() = default;

SeriesPage::FamilyIndex SeriesPage::find(const std::string& name) const {
  const Names& names = taken_.at(part_of(name));
  const auto found = names.find(name);
  return found == names.end() ? Found::none : found->second;
}

const Family* SeriesPage::taken_by(const std::string& name) const {
  const FamilyIndex found = find(name);
  return found == Found::none ? nullptr : by_index_[found].get();
}

SeriesPage::Found SeriesPage::find_or_add(const Wanted& wanted) {
  const std::string name(wanted.name);
  const std::string base = wanted.type == FamilyType::counter ? without_total(name) : name;
  if (const FamilyIndex found = find(base); found != Found::none) {
    const Family& family = *by_index_[found];
    const bool same = family.type() == wanted.type && family.base() == base;
    return same ? Found{.family = found} : Found{.in_the_way = found};
  }
  const auto names = claimed_names(base, wanted.type);
  for (const std::string& claimed : names) {
    if (const FamilyIndex found = find(claimed); found != Found::none) {
      return {.in_the_way = found};
    }
  }
  std::span<const std::string> quantiles;
  if (wanted.type == FamilyType::summary) {
    quantiles = quantile_labels_;
  } else if (wanted.type == FamilyType::quartiles) {
    quantiles = quartile_labels;
  }
  auto made =
      std::make_unique<Family>(FamilyText({.base = base, .plain_name = name, .suffixes = suffixes_},
                                          wanted.type, wanted.help),
                               wanted.type, base, quantiles);
  make_room();
  const FamilyIndex index = free_.back();
  claim(*made, index);
  free_.pop_back();
  by_index_[index] = std::move(made);
  positions_[index] = order_.size();
  order_.push_back(index);
  return {.family = index};
}

void SeriesPage::make_room() {
  if (order_.size() == order_.capacity()) {
    order_.reserve(2 * order_.capacity() + 16);
  }
  if (!free_.empty()) {
    return;
  }
  if (by_index_.size() == by_index_.capacity()) {
    by_index_.reserve(2 * by_index_.capacity() + 16);
  }
  positions_.reserve(by_index_.capacity());
  free_.reserve(by_index_.capacity());  // for all of them: drop() needs no memory
  free_.push_back(static_cast<FamilyIndex>(by_index_.size()));
  by_index_.emplace_back();
  positions_.emplace_back();
}

void SeriesPage::claim(const Family& family, FamilyIndex index) {
  const auto suffixes = claimed_suffixes(family.type());
  std::size_t claimed = 0;
  try {
    constexpr std::size_t suffix_bytes_max = 8;
    claimed_.reserve(family.base().size() + suffix_bytes_max);
    for (; claimed < suffixes.size(); ++claimed) {
      std::string name = family.base() + std::string(suffixes[claimed]);
      taken_.at(part_of(name)).emplace(std::move(name), index);
    }
  } catch (const std::bad_alloc&) {
    while (claimed > 0) {
      claimed_.assign(family.base()).append(suffixes[--claimed]);
      taken_.at(part_of(claimed_)).erase(claimed_);
    }
    throw;
  }
}

void SeriesPage::drop(FamilyIndex index) {
  const Family& family = *by_index_[index];
  for (const std::string_view suffix : claimed_suffixes(family.type())) {
    claimed_.assign(family.base()).append(suffix);
    taken_.at(part_of(claimed_)).erase(claimed_);
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
