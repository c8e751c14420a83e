#include "check/memory/budget.h"

#include <algorithm>

namespace heapwatch::check::memory {

using std::chrono::nanoseconds;

void Budget::lift() {
  const std::lock_guard lock(mutex_);
  is_lifted_ = true;
}

Budget::Account& Budget::settled_account(const BudgetRequest& request) {
  const auto [at, is_new] = accounts_.try_emplace({request.share, request.most});
  Account& account = at->second;
  if (!is_new) {
    const auto passed = static_cast<double>((request.now - account.settled).count());
    const auto earned = std::chrono::duration_cast<nanoseconds>(
        std::chrono::duration<double, std::nano>(std::max(0.0, passed) * request.share));
    account.credit = std::min(request.most, account.credit + earned - (spent_ - account.spent));
  }
  account.settled = std::max(account.settled, request.now);
  account.spent = spent_;
  return account;
}

bool Budget::allows(const BudgetRequest& request) {
  const std::lock_guard lock(mutex_);
  if (is_lifted_) {
    return true;
  }
  Account& account = settled_account(request);
  std::erase_if(account.waiting,
                [&](const auto& waiting) { return waiting.second.until < request.now; });
  account.waiting.erase(request.who);
  const bool is_first =
      std::none_of(account.waiting.begin(), account.waiting.end(),
                   [&](const auto& waiting) { return waiting.second.since < request.waits_since; });
  if (account.credit >= nanoseconds(0) && is_first) {
    return true;
  }
  account.waiting[request.who] = {.since = request.waits_since,
                                  .until = request.now + request.again};
  return false;
}

void Budget::withdraw(const void* who) {
  const std::lock_guard lock(mutex_);
  for (auto& [key, account] : accounts_) {
    account.waiting.erase(who);
  }
}

void Budget::spend(nanoseconds cost) {
  const std::lock_guard lock(mutex_);
  spent_ += cost;
}

nanoseconds Budget::spent() const {
  const std::lock_guard lock(mutex_);
  return spent_;
}

}  // namespace heapwatch::check::memory
