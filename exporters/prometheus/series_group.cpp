#include "exporters/prometheus/series_group.h"

#include <algorithm>
#include <tuple>

#include "base/log.h"
#include "exporters/prometheus/self_metrics.h"

namespace heapwatch::exporters::prometheus {

namespace {

// Runs without the series after which its row goes.
constexpr unsigned kept_runs = 16;

// What leaves at once, when something leaves; a few milliseconds.
constexpr std::size_t tidied_at_once_max = 1'000;

// Names logged, so that the log and its memory stay bounded.
constexpr std::size_t told_max = 10'000;

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

bool SharedPage::tidy(std::size_t count) {
  for (; count > 0 && !leaving_.empty(); --count) {
    const Use use = leaving_.back();
    leaving_.pop_back();
    Family& family = page.family(use.family);
    family.remove_user(use.row);
    if (family.is_empty()) {
      page.drop(use.family);
    }
  }
  if (leaving_.empty()) {
    leaving_ = {};
  }
  return !leaving_.empty();
}

void SeriesGroup::remove_all(SharedPage& shared) {
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
  each_tags_and_host_.reset();
  absent_.reset();
  (void)shared.tidy(std::min(removed, tidied_at_once_max));
}

const base::Interned<metrics::TagsAndHost>& SeriesGroup::Run::tags_and_host_at(
    std::size_t position) const {
  return group_.each_tags_and_host_ ? (*group_.each_tags_and_host_)[position]
                                    : group_.tags_and_host_;
}

void SeriesGroup::Run::put(const metrics::Context& context, FamilyType type,
                           std::span<const base::Number> values) {
  show_at(next_place(context, type), shown_++, context, type, values);
}

void SeriesGroup::Run::place(const metrics::Context& context, FamilyType type) {
  (void)next_place(context, type);
}

void SeriesGroup::Run::show(const metrics::Context& context, FamilyType type,
                            std::span<const base::Number> values) {
  const std::size_t position = shown_++;
  const Place& place = is_as_known_ ? group_.places_[position] : places_[position];
  show_at(place, position, context, type, values);
}

SeriesGroup::Place SeriesGroup::Run::next_place(const metrics::Context& context, FamilyType type) {
  Place place;
  if (is_as_known_ && position_ < group_.places_.size() &&
      group_.places_[position_].family != SeriesPage::Found::none) {
    const Place& known = group_.places_[position_];
    const Family& family = shared_.page.family(known.family);
    if (family.metric_name == context.metric_name() && family.type() == type &&
        tags_and_host_at(position_) == context.tags_and_host()) {
      place = known;
    }
  }
  if (place.family == SeriesPage::Found::none) {
    if (is_as_known_) {
      leave_the_known();
    }
    place = find_place(context, type);
    keep(place, context.tags_and_host());
  }
  ++position_;
  return place;
}

void SeriesGroup::Run::show_at(const Place& place, std::size_t position,
                               const metrics::Context& context, FamilyType type,
                               std::span<const base::Number> values) {
  if (place.family == SeriesPage::Found::none) {
    return;
  }
  const RowOwner owner{&group_, position};
  const auto outcome = shared_.page.family(place.family).show(place.row, owner, values);
  if (outcome.is_contested) {
    shared_.drops.count("duplicate");
    shared_.drops.tell("duplicate", context.name(),
                       describe(context.name(), type) +
                           ": several series come to the same name and labels on the metrics page; "
                           "the last value is shown");
  }
  if (!outcome.is_in_both) {
    shared_.drops.count("negative");
    shared_.drops.tell("negative", context.name(),
                       describe(context.name(), type) +
                           " is not shown in OpenMetrics, which has no negative counts");
  }
}

void SeriesGroup::Run::leave_the_known() {
  is_as_known_ = false;
  for (std::size_t i = 0; i < position_; ++i) {
    keep(group_.places_[i], tags_and_host_at(i));
  }
  for (std::size_t i = position_; i < group_.places_.size(); ++i) {
    if (group_.places_[i].family != SeriesPage::Found::none) {
      left_.push_back({.absent = {.place = group_.places_[i]}});
    }
  }
  if (group_.absent_) {
    for (const Absent& absent : *group_.absent_) {
      left_.push_back({.absent = absent});
    }
  }
  std::sort(left_.begin(), left_.end(), [](const Left& a, const Left& b) {
    return std::tie(a.absent.place.family, a.absent.place.row) <
           std::tie(b.absent.place.family, b.absent.place.row);
  });
  for (const Place& place : places_) {
    for (Left& left : left_at(place)) {
      left.is_shown = true;
    }
  }
}

void SeriesGroup::Run::keep(const Place& place,
                            const base::Interned<metrics::TagsAndHost>& tags_and_host) {
  places_.push_back(place);
  each_tags_and_host_.push_back(tags_and_host);
}

SeriesGroup::Place SeriesGroup::Run::find_place(const metrics::Context& context, FamilyType type) {
  if (!(labels_of_ == context.tags_and_host())) {
    labels_of_ = context.tags_and_host();
    labels_ = render(labels_of(*labels_of_, shared_.constant_labels));
    label_text_ = LabelTextPtr(LabelText(enclose(labels_)));
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
  Place place{.family = found.family, .row = family.find(label_text_)};
  if (place.row == Family::none) {
    place.row = family.add(label_text_, labels_);
  }
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
  shared_.drops.tell(reason, context.name(),
                     describe(context.name(), type) +
                         " is not on the metrics page: its name is taken by " +
                         describe(in_the_way.base(), in_the_way.type()));
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
  } else {
    shared_.page.family(place.family).add_user(place.row);
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
  if (is_as_known_ && position_ == group_.places_.size() && !group_.absent_) {
    return;
  }
  if (is_as_known_) {
    leave_the_known();
  }
  std::vector<Absent> absent;
  for (const Left& left : left_) {
    if (!left.is_taken) {
      end_left(left, absent);
    }
  }
  group_.absent_ = absent.empty() ? nullptr : std::make_unique<std::vector<Absent>>(absent);
  store();
  (void)shared_.tidy(std::min(removed_, tidied_at_once_max));
}

void SeriesGroup::Run::end_left(const Left& left, std::vector<Absent>& absent) {
  const Place& place = left.absent.place;
  Family& family = shared_.page.family(place.family);
  if (left.absent.runs == 0 && !left.is_shown) {
    family.hide(place.row, &group_);
  }
  if (left.is_over || left.absent.runs == kept_runs) {
    shared_.leave(place.family, place.row);
    ++removed_;
  } else {
    absent.push_back({.place = place, .runs = left.absent.runs + 1});
  }
}

void SeriesGroup::Run::store() {
  group_.places_ = std::vector<Place>(places_.begin(), places_.end());
  group_.each_tags_and_host_.reset();
  if (each_tags_and_host_.empty()) {
    return;
  }
  group_.tags_and_host_ = each_tags_and_host_.front();
  if (std::any_of(
          each_tags_and_host_.begin(), each_tags_and_host_.end(),
          [&](const auto& tags_and_host) { return !(tags_and_host == group_.tags_and_host_); })) {
    group_.each_tags_and_host_ =
        std::make_unique<std::vector<base::Interned<metrics::TagsAndHost>>>(
            each_tags_and_host_.begin(), each_tags_and_host_.end());
  }
}

}  // namespace heapwatch::exporters::prometheus
