#include "metrics/series_memory.h"

#include <algorithm>
#include <utility>

namespace heapwatch::metrics {

namespace {

// Series that are absent in this run are stepped over, so many at once.
constexpr std::size_t look_ahead = 4;

bool carries_point(MetricType type) {
  return type == MetricType::count || type == MetricType::counter ||
         type == MetricType::monotonic_counter || type == MetricType::rate;
}

template <typename T>
void trim_vector(std::vector<T>& items) {
  if (items.capacity() > items.size() + items.size() / 8) {
    items.shrink_to_fit();
  }
}

}  // namespace

void DistinctElements::add(std::string_view element, std::uint64_t run) {
  auto found = last_named_.find(element);
  if (found == last_named_.end()) {
    found = last_named_.emplace(element, 0).first;
    bytes_ += sizeof *found + element.size();
  }
  if (found->second != run) {
    found->second = run;
    ++named_;
  }
}

std::uint64_t DistinctElements::end_run(std::uint64_t run) {
  if (named_ != last_named_.size()) {
    std::erase_if(last_named_, [&](const auto& element) {
      const bool is_over = element.second != run;
      bytes_ -= is_over ? sizeof element + element.first.size() : 0;
      return is_over;
    });
  }
  return std::exchange(named_, 0);
}

SeriesMemory::Entry* SeriesMemory::find(const Context& context, Search& search) {
  if (search.next < entries_.size() && entries_[search.next].context == context) {
    return &entries_[search.next++];
  }
  const std::size_t guesses_end = std::min(search.next + look_ahead, entries_.size());
  for (std::size_t place = search.next == 0 ? 0 : search.next - 1; place < guesses_end; ++place) {
    if (entries_[place].context == context) {
      search.next = place + 1;
      return &entries_[place];
    }
  }
  if (search.places.empty()) {
    std::size_t room = 16;
    while (room < 2 * (entries_.size() + 1)) {
      room *= 2;
    }
    search.places.assign(room, 0);
    for (std::size_t place = 0; place < entries_.size(); ++place) {
      enter(place, search);
    }
  }
  const std::size_t mask = search.places.size() - 1;
  for (std::size_t slot = context.hash() & mask; search.places[slot] != 0;
       slot = (slot + 1) & mask) {
    const std::size_t place = search.places[slot] - 1;
    if (entries_[place].context.same_series(context)) {
      search.next = place + 1;
      return &entries_[place];
    }
  }
  return nullptr;
}

void SeriesMemory::enter(std::size_t place, Search& search) const {
  const std::size_t mask = search.places.size() - 1;
  std::size_t slot = entries_[place].context.hash() & mask;
  while (search.places[slot] != 0) {
    slot = (slot + 1) & mask;
  }
  search.places[slot] = static_cast<std::uint32_t>(place + 1);
}

SeriesMemory::Entry& SeriesMemory::add(const Context& context, MetricType type, Search& search) {
  Entry& entry = entries_.emplace_back();
  entry.context = context;
  entry.type = type;
  if (search.places.size() < 2 * entries_.size()) {
    search.places.clear();  // made anew, with more room
  } else {
    enter(entries_.size() - 1, search);
  }
  search.next = entries_.size();
  bytes_ += bytes_of(context);
  is_counted_ = false;
  return entry;
}

void SeriesMemory::begin_anew(Entry& entry, MetricType type, Search& search) {
  entry.type = type;
  entry.carried = nothing;
  search.in_order = false;  // so that what it carried goes
}

Point& SeriesMemory::point(Entry& entry) {
  if (!entry.carries()) {
    points_.emplace_back();
    entry.carried = static_cast<std::uint32_t>(points_.size() - 1) & nothing;
  }
  return points_[entry.carried];
}

Collection& SeriesMemory::collection(Entry& entry) {
  if (!entry.carries()) {
    collections_.push_back(std::make_unique<Collection>());
    entry.carried = static_cast<std::uint32_t>(collections_.size() - 1) & nothing;
  }
  return *collections_[entry.carried];
}

void SeriesMemory::add_element(Entry& entry, std::string_view element, std::uint64_t run) {
  collection(entry).elements.add(element, run);
  is_counted_ = false;
}

void SeriesMemory::begin_run(Entry& entry, std::uint32_t at, Search& search) {
  const auto place = static_cast<std::size_t>(&entry - entries_.data());
  search.in_order = search.in_order && place >= search.furthest;
  search.furthest = place;
  entry.phase = Phase::sampled;
  entry.at = at;
}

void SeriesMemory::end_run(std::size_t sampled, const Search& search) {
  const auto is_over = [](const Entry& entry) { return entry.phase == Phase::over; };
  if (!search.in_order ||
      (sampled != entries_.size() && std::any_of(entries_.begin(), entries_.end(), is_over))) {
    rearrange(sampled);
  }
  for (Entry& entry : entries_) {
    if (entry.phase == Phase::sampled) {
      entry.phase = Phase::waiting;
      entry.at = 0;
    }
  }
  trim_vector(entries_);
  trim_vector(points_);
  trim_vector(collections_);
  if (!is_counted_) {
    count_bytes();
  }
}

void SeriesMemory::count_bytes() {
  const std::size_t own = entries_.capacity() * sizeof(Entry) + points_.capacity() * sizeof(Point) +
                          collections_.size() * (sizeof collections_[0] + sizeof(Collection));
  std::size_t elements = 0;
  for (const auto& collection : collections_) {
    elements += collection->elements.bytes();
  }
  std::size_t names = 0;
  const Entry* before = nullptr;
  for (const Entry& entry : entries_) {
    const bool same_tags =
        before != nullptr && before->context.tags_and_host() == entry.context.tags_and_host();
    names += entry.context.metric_name()->bytes() +
             (same_tags ? 0 : entry.context.tags_and_host()->bytes());
    before = &entry;
  }
  bytes_ = own + elements + names;
  is_counted_ = true;
  remembers_.set(own + elements);
}

void SeriesMemory::rearrange(std::size_t sampled) {
  std::vector<Entry*> order(sampled);
  std::vector<Entry*> absent;
  for (Entry& entry : entries_) {
    if (entry.phase == Phase::sampled) {
      order[entry.at] = &entry;
    } else if (entry.phase != Phase::over) {
      absent.push_back(&entry);
    }
  }
  order.insert(order.end(), absent.begin(), absent.end());
  // All memory is taken before anything moves, so that who finds none left has what there was.
  SeriesMemory arranged;
  arranged.entries_.reserve(order.size());
  arranged.points_.reserve(std::min(points_.size(), order.size()));
  arranged.collections_.reserve(std::min(collections_.size(), order.size()));
  for (Entry* const entry : order) {
    arranged.entries_.push_back(std::move(*entry));
    arranged.take_over(arranged.entries_.back(), *this);
  }
  std::swap(entries_, arranged.entries_);
  std::swap(points_, arranged.points_);
  std::swap(collections_, arranged.collections_);
  is_counted_ = false;
}

void SeriesMemory::take_over(Entry& entry, SeriesMemory& old) {
  const std::uint32_t carried = entry.carried;
  entry.carried = nothing;
  if (carried == nothing) {
    return;
  }
  if (carries_point(entry.type)) {
    point(entry) = old.points_[carried];
  } else {
    entry.carried = static_cast<std::uint32_t>(collections_.size()) & nothing;
    collections_.push_back(std::move(old.collections_[carried]));
  }
}

}  // namespace heapwatch::metrics
