#include "net/exchange_pool.h"

#include <iterator>
#include <utility>

namespace heapwatch::net {

base::Result<std::unique_ptr<Exchange>> ExchangePool::take(const HttpRequest* request) {
  if (const auto found = by_request_.find(request); found != by_request_.end()) {
    return take_idle(found->second);
  }
  if (!idle_.empty() && idle_.size() >= idle_max_) {
    return take_idle(idle_.begin());
  }
  return Exchange::create(tokens_);
}

std::unique_ptr<Exchange> ExchangePool::take_idle(Idle::iterator which) {
  std::unique_ptr<Exchange> exchange = std::move(*which);
  by_request_.erase(exchange->request());
  idle_.erase(which);
  return exchange;
}

void ExchangePool::give_back(std::unique_ptr<Exchange> exchange) {
  const HttpRequest* const request = exchange->request();
  if (by_request_.count(request) != 0) {
    return;  // two at once for one request: one is enough to keep
  }
  if (idle_.size() >= idle_max_) {
    if (idle_max_ == 0) {
      return;
    }
    (void)take_idle(idle_.begin());
  }
  idle_.push_back(std::move(exchange));
  by_request_.emplace(request, std::prev(idle_.end()));
}

}  // namespace heapwatch::net
