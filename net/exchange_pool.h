// Exchanges between their uses, so that a target's next run finds its handle as it left it.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <unordered_map>

#include "net/exchange.h"

namespace heapwatch::net {

/// Threads: one.
class ExchangePool {
 public:
  explicit ExchangePool(std::size_t idle_max) : idle_max_(idle_max) {}

  /// The one that served `request` before, else a new one while there are fewer than `idle_max`,
  /// else the one idle for longest. Errors: io.
  [[nodiscard]] base::Result<std::unique_ptr<Exchange>> take(const HttpRequest* request);
  void give_back(std::unique_ptr<Exchange> exchange);

 private:
  using Idle = std::list<std::unique_ptr<Exchange>>;

  std::unique_ptr<Exchange> take_idle(Idle::iterator which);

  std::size_t idle_max_;
  TokenCache tokens_;
  Idle idle_;  // longest idle first
  std::unordered_map<const HttpRequest*, Idle::iterator> by_request_;
};

}  // namespace heapwatch::net
