#include "metrics/context.h"

#include <algorithm>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/hash.h"

namespace heapwatch::metrics {

namespace {

constexpr std::string_view end_of_part{"\0", 1};
constexpr std::string_view own_host{"\1", 1};

std::uint64_t hash_of(const Context::Named& named) {
  return base::fnv1a(end_of_part, base::fnv1a(named.name));
}

std::uint64_t hash_of(const Context::Origin& origin, std::uint64_t hash) {
  hash = base::fnv1a(end_of_part,
                     base::fnv1a(origin.host ? std::string_view{*origin.host} : own_host, hash));
  for (const std::string& tag : origin.tags) {
    hash = base::fnv1a(end_of_part, base::fnv1a(tag, hash));
  }
  return hash;
}

// What a pool finds its parts by.
std::uint64_t pool_hash(const Context::Named& named) {
  return base::fnv1a(named.help, hash_of(named));
}
std::uint64_t pool_hash(const Context::Origin& origin) {
  return hash_of(origin, base::fnv1a_seed);
}

/// One of each, for as long as somebody has it.
template <typename Part>
class Pool {
 public:
  std::shared_ptr<const Part> shared(Part part) {
    const std::uint64_t hash = pool_hash(part);
    const std::lock_guard lock(mutex_);
    const auto [begin, end] = held_.equal_range(hash);
    for (auto it = begin; it != end; ++it) {
      if (auto known = it->second.lock(); known && *known == part) {
        return known;
      }
    }
    if (held_.size() >= sweep_at_) {
      std::erase_if(held_, [](const auto& item) { return item.second.expired(); });
      sweep_at_ = std::max(sweep_at_min, 2 * held_.size());
    }
    auto added = std::make_shared<const Part>(std::move(part));
    held_.emplace(hash, added);
    return added;
  }

 private:
  static constexpr std::size_t sweep_at_min = 64;

  std::mutex mutex_;
  std::unordered_multimap<std::uint64_t, std::weak_ptr<const Part>> held_;
  std::size_t sweep_at_ = sweep_at_min;  // what nobody has any more goes then
};

template <typename Part>
std::shared_ptr<const Part> shared(Part part) {
  static auto* const pool = new Pool<Part>;  // contexts may be made while the process ends
  return pool->shared(std::move(part));
}

Tags sorted(Tags tags) {
  std::sort(tags.begin(), tags.end());
  tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
  tags.shrink_to_fit();
  return tags;
}

}  // namespace

Context::Context(std::shared_ptr<const Named> named, std::shared_ptr<const Origin> origin)
    : named_(std::move(named)),
      origin_(std::move(origin)),
      name(named_->name),
      tags(origin_->tags),
      host(origin_->host),
      help(named_->help),
      hash(hash_of(*origin_, hash_of(*named_))),
      audience(named_->audience) {}

Context::Context(ContextParts parts)
    : Context(
          shared(Named{.name = std::move(parts.name),
                       .help = std::move(parts.help),
                       .audience = parts.audience}),
          shared(Origin{.tags = sorted(std::move(parts.tags)), .host = std::move(parts.host)})) {}

bool Context::same_series(const Context& other) const {
  return this == &other ||
         (hash == other.hash && name == other.name &&
          (origin_ == other.origin_ || (host == other.host && tags == other.tags)));
}

ContextPtr make_context(ContextParts parts) {
  return std::make_shared<const Context>(std::move(parts));
}

}  // namespace heapwatch::metrics
