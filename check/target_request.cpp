#include "check/target_request.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "base/hash.h"

namespace heapwatch::check {

namespace {

/// Of what differs between targets where anything does; equality decides.
std::uint64_t hash_of(const net::HttpRequest& request) {
  std::uint64_t hash = base::fnv1a(request.unix_socket);
  for (const auto& [name, value] : request.headers) {
    hash = base::fnv1a(value, base::fnv1a(name, hash));
  }
  for (const std::string* const text :
       {&request.method, &request.body, &request.username, &request.password, &request.tls.ca,
        &request.tls.certificate, &request.proxy.http, &request.proxy.https}) {
    hash = base::fnv1a(*text, hash);
  }
  return request.token ? base::fnv1a(request.token->path, hash) : hash;
}

class Pool {
 public:
  net::HttpRequestPtr hold(net::HttpRequest request) {
    const std::uint64_t hash = hash_of(request);
    const std::lock_guard lock(mutex_);
    const auto [first, last] = held_.equal_range(hash);
    for (auto entry = first; entry != last; ++entry) {
      if (auto known = entry->second.lock(); known && *known == request) {
        return known;
      }
    }
    if (held_.size() >= sweep_at_) {
      std::erase_if(held_, [](const auto& entry) { return entry.second.expired(); });
      sweep_at_ = std::max(sweep_at_min, 2 * held_.size());
    }
    auto made = std::make_shared<const net::HttpRequest>(std::move(request));
    held_.emplace(hash, made);
    return made;
  }

 private:
  static constexpr std::size_t sweep_at_min = 64;

  std::mutex mutex_;
  std::unordered_multimap<std::uint64_t, std::weak_ptr<const net::HttpRequest>> held_;
  std::size_t sweep_at_ = sweep_at_min;
};

net::HttpRequestPtr without_url(net::HttpRequest request) {
  static Pool pool;
  request.url.clear();
  request.url.shrink_to_fit();
  return pool.hold(std::move(request));
}

}  // namespace

TargetRequest::TargetRequest(const net::HttpRequest& request)
    : common_(without_url(request)), url_(request.url) {}

net::HttpRequestPtr TargetRequest::get() {
  net::HttpRequestPtr request = last_.lock();
  if (!request) {
    auto made = std::make_unique<net::HttpRequest>(*common_);
    made->url = url_;
    request = std::move(made);  // apart from its counts, which live as long as `last_`
    last_ = request;
  }
  return request;
}

}  // namespace heapwatch::check
