#include "check/memory/leak_places.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "leak/stacks/grown_stacks.h"

namespace heapwatch::check::memory {

namespace {

/// Of a Go profile; a larger one names no place.
constexpr std::size_t kept_bytes_max = std::size_t{4} << 20;
constexpr std::size_t heap_bytes_max = std::size_t{64} << 20;  // decompressed

}  // namespace

bool LeakPlaces::is_due(double at, const std::vector<std::string>& spaces) {
  if (spaces.empty()) {
    if (first_at_ && at - leaked_at_ > again_s / 2) {
      forget();
    }
    return false;
  }
  leaked_at_ = at;
  wants_goroutines_ = std::find(spaces.begin(), spaces.end(), "goroutine") != spaces.end();
  if (!first_at_) {
    return true;
  }
  return at - last_at_ >= (has_sources_ && places_.empty() ? apart_ : again_s);
}

bool LeakPlaces::take(double at, PlaceSources sources) {
  const bool is_first = !first_at_;
  first_at_ = first_at_.value_or(at);
  last_at_ = at;
  if (sources.go_heap.size() > kept_bytes_max) {
    sources.go_heap.clear();
  }
  if (sources.goroutines.size() > kept_bytes_max) {
    sources.goroutines.clear();
  }
  has_sources_ = sources.native || !sources.go_heap.empty() || !sources.goroutines.empty();
  std::vector<leak::SiteGrowth> places;
  if (sources.native) {
    native_.take(*std::move(sources.native), at);
    if (!is_first) {
      places = native_.sites();
    }
    native_.drop_last();
  }
  const leak::stacks::GrownOptions options{.seconds = at - *first_at_, .bytes_max = heap_bytes_max};
  for (auto [kind, before, now] :
       {std::tuple{leak::stacks::ProfileKind::go_heap, &go_heap_, &sources.go_heap},
        {leak::stacks::ProfileKind::goroutines, &goroutines_, &sources.goroutines}}) {
    if (before->empty()) {
      *before = std::move(*now);
      continue;
    }
    auto grown = leak::stacks::grown_stacks(*before, *now, kind, options);
    std::move(grown.begin(), grown.end(), std::back_inserter(places));
  }
  for (leak::SiteGrowth& place : places) {
    if (place.space != "goroutine") {
      place.count = 0;  // of other minutes than those that are judged
    }
  }
  if (places.empty() || places == places_) {
    return false;
  }
  places_ = std::move(places);
  return true;
}

void LeakPlaces::forget() {
  native_ = leak::stacks::NativeStacks(moments_max);
  go_heap_.clear();
  goroutines_.clear();
  places_.clear();
  first_at_.reset();
  has_sources_ = false;
}

}  // namespace heapwatch::check::memory
