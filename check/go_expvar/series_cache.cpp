#include "check/go_expvar/series_cache.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "base/remembered.h"

namespace heapwatch::check::go_expvar {

namespace {

// Of a larger page the buffers do not stay.
constexpr std::size_t kept_variables_max = 16'384;

}  // namespace

std::uint64_t SeriesCache::Sequence::hash() const {
  constexpr std::uint64_t spread = 0x9e3779b97f4a7c15U;
  std::uint64_t hash = variables.size();
  for (const auto& variable : variables) {
    hash = (hash ^ variable.hash()) * spread;
    hash ^= hash >> 32U;
  }
  return hash;
}

const std::vector<base::Interned<Variable>>& SeriesCache::variables() const {
  static const std::vector<base::Interned<Variable>> none;
  return sequence_ ? sequence_->variables : none;
}

std::size_t SeriesCache::size() const {
  return variables().size();
}

SeriesCache::Run::Run(SeriesCache& cache, const SeriesOwner& owner, Buffers& buffers)
    : cache_(cache), owner_(owner), buffers_(buffers), known_(cache.variables()) {
  if (!cache_.is_clean_) {
    leave_the_known();  // which of two is the first is to be seen each time
  }
}

const SeriesCache::Particular& SeriesCache::Run::particular(std::size_t place) const {
  static const Particular usual;
  return cache_.particulars_ ? (*cache_.particulars_)[place] : usual;
}

const base::Interned<metrics::TagsAndHost>& SeriesCache::Run::tags_and_host_of(
    const Particular& particular) const {
  return particular.tags_and_host ? particular.tags_and_host : owner_.tags_and_host;
}

std::optional<SeriesCache::Run::Taken> SeriesCache::Run::take(std::size_t entry,
                                                              const expvar::KeyPath& path) {
  if (is_as_known_) {
    if (next_ < known_.size() && known_[next_]->is(entry, path)) {
      const Particular& found = particular(next_);
      const Variable& variable = *known_[next_++];
      return Taken{.variable = variable,
                   .tags_and_host = tags_and_host_of(found),
                   .is_allowed = !found.is_refused,
                   .has_increase = static_cast<bool>(variable.increase()),
                   .is_increase_allowed = !found.is_increase_refused};
    }
    leave_the_known();
  }
  // One that is gone is stepped over, and one that is new does not end the known order.
  for (std::size_t place = next_; place < std::min(next_ + 2, known_.size()); ++place) {
    if (known_[place]->is(entry, path)) {
      next_ = place + 1;
      return add(known_[place], particular(place));
    }
  }
  if (base::remembers_enough()) {
    return std::nullopt;
  }
  auto variable =
      base::Interned<Variable>::find_or_make(Variable::Key{owner_.plan, entry, path}, [&] {
        return Variable({owner_.plan, entry, path});
      });
  const Particular found = look_at(*variable);
  return add(std::move(variable), found);
}

void SeriesCache::Run::leave_the_known() {
  is_as_known_ = false;
  // Of a run that found no memory to begin.
  buffers_.variables.clear();
  buffers_.particulars.clear();
  buffers_.sampled.clear();
  for (std::size_t place = 0; place < next_; ++place) {
    (void)add(known_[place], particular(place));
  }
}

SeriesCache::Particular SeriesCache::Run::look_at(const Variable& variable) const {
  Particular found;
  if (!variable.tags().empty()) {
    metrics::Tags tags = owner_.tags_and_host->tags().copy();
    tags.insert(tags.end(), variable.tags().begin(), variable.tags().end());
    const auto host = owner_.tags_and_host->host();
    found.tags_and_host = base::Interned(metrics::TagsAndHost(
        std::move(tags), host ? std::optional<std::string>(*host) : std::nullopt));
  }
  found.is_refused = !owner_.allows(variable.metric_name()->name());
  found.is_increase_refused = variable.increase() && !owner_.allows(variable.increase()->name());
  return found;
}

SeriesCache::Run::Taken SeriesCache::Run::add(base::Interned<Variable> taken,
                                              const Particular& found) {
  const Variable& variable = *buffers_.variables.emplace_back(std::move(taken));
  const auto& tags_and_host = tags_and_host_of(buffers_.particulars.emplace_back(found));
  Taken result{.variable = variable,
               .tags_and_host = tags_and_host,
               .is_allowed = !found.is_refused,
               .is_increase_allowed = !found.is_increase_refused};
  const auto begins = [&](const base::Interned<metrics::MetricName>& metric_name) {
    const auto [it, is_first] =
        buffers_.sampled.try_emplace(metrics::Context(metric_name, tags_and_host), &variable);
    is_clean_ = is_clean_ && is_first;
    return is_first ? nullptr : it->second;
  };
  result.before = begins(variable.metric_name());
  result.has_increase =
      result.before == nullptr && variable.increase() && begins(variable.increase()) == nullptr;
  return result;
}

SeriesCache::Run::~Run() {
  if (is_as_known_ && next_ == known_.size()) {
    return;
  }
  try {
    store();
  } catch (const std::bad_alloc&) {
    cache_ = SeriesCache();
    buffers_ = Buffers();
  }
}

void SeriesCache::Run::store() {
  if (is_as_known_) {
    leave_the_known();
  }
  Buffers& b = buffers_;
  cache_.is_clean_ = is_clean_;
  const bool all_usual = std::all_of(b.particulars.begin(), b.particulars.end(),
                                     [](const Particular& one) { return one.is_usual(); });
  cache_.particulars_ = all_usual ? nullptr
                                  : std::make_unique<std::vector<Particular>>(b.particulars.begin(),
                                                                              b.particulars.end());
  cache_.sequence_ =
      base::Interned(Sequence{.variables = {b.variables.begin(), b.variables.end()}});
  const bool is_large = b.variables.size() > kept_variables_max;
  b.variables.clear();
  b.particulars.clear();
  b.sampled.clear();
  if (is_large) {
    b = {};
  }
}

}  // namespace heapwatch::check::go_expvar
