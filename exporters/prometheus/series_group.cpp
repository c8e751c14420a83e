#include "exporters/prometheus/series_group.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace heapwatch::exporters::prometheus {

namespace {

// Runs without the series after which its row goes.
constexpr unsigned kept_runs = 16;

// What leaves at once, when something leaves; a few milliseconds.
constexpr std::size_t tidied_at_once_max = 1'000;

std::string describe(const std::string& name, FamilyType type) {
  return "\"" + name + "\" (" + std::string(to_text(type)) + ")";
}

}  // namespace

void SeriesGroup::remove_all(SharedPage& shared) noexcept {
  std::size_t removed = 0;
  const auto remove = [&](const Place& place) {
    if (place.family != SeriesPage::Found::none) {
      shared.page.family(place.family).hide(place.row, this);
      shared.leave(place.family, place.row);
      ++removed;
    }
  };
  std::for_each(places_.begin(), places_.end(), remove);
  if (absent_) {
    std::for_each(absent_->begin(), absent_->end(),
                  [&](const Absent& absent) { remove(absent.place); });
  }
  places_ = {};
  origins_.reset();
  absent_.reset();
  count_bytes();
  (void)shared.tidy(std::min(removed, tidied_at_once_max));
}

void SeriesGroup::count_bytes() {
  remembers_.set(places_.capacity() * sizeof(Place) +
                 (origins_ ? origins_->capacity() * sizeof(origin_) : 0) +
                 (absent_ ? absent_->capacity() * sizeof(Absent) : 0));
}

const base::Interned<metrics::TagsAndHost>& SeriesGroup::Run::origin_at(
    std::size_t position) const {
  return group_.origins_ ? (*group_.origins_)[position] : group_.origin_;
}

void SeriesGroup::Run::put(const metrics::Context& context, FamilyType type,
                           std::span<const base::Number> values) {
  const Place place = next_place(context, type);
  const RowOwner owner{&group_, shown_++};
  if (place.family != SeriesPage::Found::none) {
    tell_of(shared_.page.family(place.family).show(place.row, owner, values), context, type);
  }
}

void SeriesGroup::Run::place(const metrics::Context& context, FamilyType type) {
  const Place place = next_place(context, type);
  if (place.family != SeriesPage::Found::none) {
    lines_ += shared_.page.family(place.family).lines_of_row();
  }
}

void SeriesGroup::Run::show_later(const metrics::Context& context, FamilyType type,
                                  std::span<const base::Number> values) {
  const RowOwner owner{&group_, shown_++};
  const Place& place = is_as_known_ ? group_.places_[owner.position] : new_places_[owner.position];
  if (place.family != SeriesPage::Found::none) {
    tell_of(
        shared_.page.family(place.family).show_later(place.row, owner, values, is_done_, changes_),
        context, type);
  }
}

SeriesGroup::Place SeriesGroup::Run::next_place(const metrics::Context& context, FamilyType type) {
  Place place;
  if (is_as_known_ && position_ < group_.places_.size() &&
      group_.places_[position_].family != SeriesPage::Found::none) {
    const Place& known = group_.places_[position_];
    const Family& family = shared_.page.family(known.family);
    if (family.metric_name == context.metric_name() && family.type() == type &&
        origin_at(position_) == context.tags_and_host()) {
      place = known;
    }
  }
  if (place.family == SeriesPage::Found::none) {
    if (is_as_known_) {
      leave_the_known();
    }
    make_room();
    place = find_place(context, type);
    keep(place, context.tags_and_host());
  }
  ++position_;
  return place;
}

void SeriesGroup::Run::tell_of(const Family::Outcome& outcome, const metrics::Context& context,
                               FamilyType type) {
  if (outcome.is_contested) {
    shared_.drops.count("duplicate");
    shared_.drops.tell("duplicate", context.name(), [&] {
      return describe(context.name(), type) +
             ": several series come to the same name and labels on the metrics page; "
             "the last value is shown";
    });
  }
  if (!outcome.is_in_both) {
    shared_.drops.count("negative");
    shared_.drops.tell("negative", context.name(), [&] {
      return describe(context.name(), type) +
             " is not shown in OpenMetrics, which has no negative counts";
    });
  }
}

void SeriesGroup::Run::leave_the_known() {
  const std::vector<Place>& known = group_.places_;
  places_.reserve(known.size());
  origins_.reserve(known.size());
  left_.reserve(known.size() - std::min(position_, known.size()) +
                (group_.absent_ ? group_.absent_->size() : 0));
  is_as_known_ = false;
  for (std::size_t i = 0; i < position_; ++i) {
    keep(known[i], origin_at(i));
  }
  for (std::size_t i = position_; i < known.size(); ++i) {
    if (known[i].family != SeriesPage::Found::none) {
      left_.push_back({.absent = {.place = known[i]}});
    }
  }
  if (group_.absent_) {
    for (const Absent& absent : *group_.absent_) {
      left_.push_back({.absent = absent});
    }
  }
  const auto comes_before = [](const Left& a, const Left& b) {
    return std::tie(a.absent.place.family, a.absent.place.row) <
           std::tie(b.absent.place.family, b.absent.place.row);
  };
  if (!std::is_sorted(left_.begin(), left_.end(), comes_before)) {
    std::sort(left_.begin(), left_.end(), comes_before);
  }
  for (const Place& place : places_) {
    for (Left& left : left_at(place)) {
      left.is_shown = true;
    }
  }
}

/// For one more series.
void SeriesGroup::Run::make_room() {
  const auto grow = [](auto& vector) {
    if (vector.size() == vector.capacity()) {
      vector.reserve(2 * vector.capacity() + 16);
    }
  };
  grow(places_);
  grow(origins_);
  grow(added_);
}

void SeriesGroup::Run::keep(const Place& place,
                            const base::Interned<metrics::TagsAndHost>& origin) {
  places_.push_back(place);
  origins_.push_back(origin);
}

SeriesGroup::Place SeriesGroup::Run::find_place(const metrics::Context& context, FamilyType type) {
  if (!(labels_of_ == context.tags_and_host())) {
    labels_of_ = {};
    labels_ = render(labels_of(*context.tags_and_host(), shared_.constant_labels));
    label_text_ = LabelTextPtr(LabelText(enclose(labels_)));
    labels_of_ = context.tags_and_host();
  }
  const std::string name = metric_name(context.name());
  const auto found =
      shared_.page.find_or_add({.name = name,
                                .type = type,
                                .help = context.help().empty() ? context.name() : context.help()});
  if (found.family == SeriesPage::Found::none) {
    return refuse(context, type, found.in_the_way);
  }
  Family& family = shared_.page.family(found.family);
  family.metric_name = context.metric_name();
  added_.push_back({.place = {.family = found.family}});
  Place place{.family = found.family, .row = family.find(label_text_)};
  if (place.row == Family::none) {
    place.row = family.add(label_text_, labels_);
  }
  added_.back().place.row = place.row;
  take(place);
  return place;
}

SeriesGroup::Place SeriesGroup::Run::refuse(const metrics::Context& context, FamilyType type,
                                            SeriesPage::FamilyIndex other) {
  const Family& in_the_way = shared_.page.family(other);
  for (Left& left : left_at({.family = other, .row = in_the_way.find(label_text_)})) {
    left.is_over = true;
  }
  const char* const reason =
      in_the_way.base() == metric_name(context.name()) ? "type_conflict" : "name_conflict";
  shared_.drops.count(reason);
  shared_.drops.tell(reason, context.name(), [&] {
    return describe(context.name(), type) + " is not on the metrics page: its name is taken by " +
           describe(in_the_way.base(), in_the_way.type());
  });
  return {};
}

void SeriesGroup::Run::take(const Place& place) {
  Left* taken = nullptr;
  for (Left& left : left_at(place)) {
    left.is_shown = true;
    if (!left.is_taken) {
      taken = &left;
    }
  }
  if (taken != nullptr) {
    taken->is_taken = true;  // a user of the row as it was
    added_.pop_back();
  } else {
    shared_.page.family(place.family).add_user(place.row);
    added_.back().has_user = true;
  }
}

std::span<SeriesGroup::Run::Left> SeriesGroup::Run::left_at(const Place& place) {
  const auto begin =
      std::lower_bound(left_.begin(), left_.end(), place, [](const Left& left, const Place& of) {
        return std::tie(left.absent.place.family, left.absent.place.row) <
               std::tie(of.family, of.row);
      });
  const auto end = std::find_if(begin, left_.end(),
                                [&](const Left& left) { return left.absent.place != place; });
  return {begin, end};
}

SeriesGroup::Run::~Run() {
  if (is_ended_) {
    return;
  }
  if (!is_done_) {
    undo();
    return;
  }
  while (settle(places_.max_size())) {
  }
}

/// The rows are as they were, but for values that were put.
void SeriesGroup::Run::undo() {
  if (!changes_.empty()) {
    const std::vector<Place>& places = is_as_known_ ? group_.places_ : new_places_;
    for (std::size_t i = 0; i < shown_; ++i) {
      if (places[i].family != SeriesPage::Found::none) {
        shared_.page.family(places[i].family).settle(places[i].row, is_done_);
      }
    }
    for (const Left& left : left_) {
      const Place& place = left.absent.place;
      shared_.page.family(place.family).settle(place.row, is_done_);
    }
  }
  for (const Added& added : added_) {
    Family& family = shared_.page.family(added.place.family);
    if (added.has_user) {
      family.hide(added.place.row, &group_);
      shared_.leave(added.place.family, added.place.row);
      continue;
    }
    if (added.place.row != Family::none) {
      family.remove_unless_used(added.place.row);
    }
    if (family.is_empty()) {
      shared_.page.drop(added.place.family);
    }
  }
}

void SeriesGroup::Run::prepare() {
  prepare_end();
  for (const Left& left : left_) {
    if (is_to_be_hidden(left)) {
      lines_ += shared_.page.family(left.absent.place.family).lines_of_row();
    }
  }
  changes_.reserve(lines_);
}

void SeriesGroup::Run::prepare_end() {
  if (is_as_known_ && (position_ != group_.places_.size() || group_.absent_)) {
    leave_the_known();
  }
  if (is_as_known_) {
    return;
  }
  using Origins = std::vector<base::Interned<metrics::TagsAndHost>>;
  new_places_ = std::vector<Place>(places_.begin(), places_.end());
  if (std::any_of(origins_.begin(), origins_.end(),
                  [&](const auto& origin) { return !(origin == origins_.front()); })) {
    new_origins_ = std::make_unique<Origins>(origins_.begin(), origins_.end());
  }
  absent_ = std::make_unique<std::vector<Absent>>();
  absent_->reserve(static_cast<std::size_t>(
      std::count_if(left_.begin(), left_.end(), [](const Left& left) { return !left.is_taken; })));
  kept_runs_ = runs_to_keep();
}

unsigned SeriesGroup::Run::runs_to_keep() const {
  if (base::remembers_enough()) {
    return 0;
  }
  std::array<std::size_t, kept_runs + 1> of_age{};
  for (const Left& left : left_) {
    if (!left.is_taken) {
      ++of_age.at(left.absent.runs);
    }
  }
  std::size_t most = places_.size() + absent_max;
  unsigned runs = 0;
  while (runs < kept_runs && of_age.at(runs) <= most) {
    most -= of_age.at(runs++);
  }
  return runs;
}

void SeriesGroup::Run::end() {
  prepare_end();
  adopt();
  if (is_as_known_) {
    is_ended_ = true;
    return;
  }
  std::for_each(left_.begin(), left_.end(), [this](const Left& left) { end_left(left); });
  finish();
}

bool SeriesGroup::Run::hide_later(std::size_t count) {
  for (; count > 0 && cursor_ < left_.size(); --count, ++cursor_) {
    const Left& left = left_[cursor_];
    if (is_to_be_hidden(left)) {
      const Place& place = left.absent.place;
      shared_.page.family(place.family).hide_later(place.row, &group_, is_done_, changes_);
    }
  }
  return cursor_ < left_.size();
}

void SeriesGroup::Run::change() {
  is_done_ = true;
  cursor_ = 0;
  adopt();
}

/// The group has the places of the run, but for those of series that are not in it.
void SeriesGroup::Run::adopt() {
  if (is_as_known_) {
    return;
  }
  group_.places_ = std::move(new_places_);
  group_.origins_ = std::move(new_origins_);
  group_.absent_.reset();
  if (!origins_.empty()) {
    group_.origin_ = origins_.front();
  }
}

bool SeriesGroup::Run::settle(std::size_t count) {
  const std::vector<Place>& places = group_.places_;
  const std::size_t end = places.size() + left_.size();
  for (; count > 0 && cursor_ < end; --count, ++cursor_) {
    if (cursor_ >= places.size()) {
      end_left(left_[cursor_ - places.size()]);
    } else if (const Place& place = places[cursor_]; place.family != SeriesPage::Found::none) {
      shared_.page.family(place.family).settle(place.row, is_done_);
    }
  }
  if (cursor_ < end) {
    return true;
  }
  finish();
  return false;
}

void SeriesGroup::Run::end_left(const Left& left) {
  if (left.is_taken) {
    return;
  }
  const Place& place = left.absent.place;
  Family& family = shared_.page.family(place.family);
  family.settle(place.row, is_done_);
  if (is_to_be_hidden(left)) {
    family.hide(place.row, &group_);
  }
  if (left.is_over || left.absent.runs >= kept_runs_) {
    shared_.leave(place.family, place.row);
    ++removed_;
  } else {
    absent_->push_back({.place = place, .runs = left.absent.runs + 1});
  }
}

void SeriesGroup::Run::finish() {
  if (!is_as_known_) {
    group_.absent_ = absent_->empty() ? nullptr : std::move(absent_);
    group_.count_bytes();
  }
  is_ended_ = true;
  (void)shared_.tidy(std::min(removed_, tidied_at_once_max));
}

}  // namespace heapwatch::exporters::prometheus
