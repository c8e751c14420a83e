#include "check/go_expvar/series_cache.h"

#include <utility>

namespace heapwatch::check::go_expvar {

std::size_t SeriesCache::Hash::operator()(const KeyView& key) const {
  constexpr std::size_t spread = 0x9e3779b97f4a7c15U;
  return std::hash<std::string_view>{}(key.path) ^ (key.entry * spread);
}

std::uint64_t SeriesCache::next_run() {
  ++run_;
  order_.resize(asked_);
  asked_ = 0;
  if (run_ % runs_to_forget == 0) {
    forget();
  }
  return run_;
}

void SeriesCache::forget() {
  order_.clear();
  std::erase_if(variables_,
                [&](const auto& item) { return item.second.run + runs_to_forget < run_; });
  std::erase_if(series_, [](const auto& item) { return item.second.expired(); });
}

Variable& SeriesCache::variable(std::size_t entry, const KeyPath& path) {
  // Pages are alike from run to run: what came next the last time is the first guess.
  if (asked_ < order_.size()) {
    auto& [key, variable] = *order_[asked_];
    if (key.entry == entry && key.path == path.bytes()) {
      ++asked_;
      variable.run = run_;
      return variable;
    }
    order_.resize(asked_);
  }
  auto found = variables_.find(KeyView{entry, path.bytes()});
  if (found == variables_.end()) {
    found = variables_.emplace(Key{entry, std::string(path.bytes())}, Variable{}).first;
    found->second.path = KeyPath(found->first.path);
  }
  order_.push_back(&*found);
  ++asked_;
  found->second.run = run_;
  return found->second;
}

std::shared_ptr<Series> SeriesCache::series(metrics::Context context, bool allowed) {
  const auto [begin, end] = series_.equal_range(context.hash());
  for (auto it = begin; it != end; ++it) {
    if (auto known = it->second.lock(); known && known->context.same_series(context)) {
      return known;
    }
  }
  auto added = std::make_shared<Series>();
  added->context = std::move(context);
  added->allowed = allowed;
  series_.emplace(added->context.hash(), added);
  return added;
}

}  // namespace heapwatch::check::go_expvar
