// How much of a core looks at memory may take, shared by all instances.
//
// Each share of a core has an account. It begins with nothing, earns its share of the time that
// passes, and pays for the looks of all instances. A look may begin when the account is not in
// debt; since the cost of a look is known only when it has ended, one look may leave a debt, which
// the next ones wait out. So from the first look on, all looks together stay within the share but
// for one look for each thread that runs checks.
//
// Instances run at moments of their own, so who asks when there is credit is not who has waited
// longest. Those who were refused are remembered: credit that comes later is theirs first, as
// long as they ask again in time.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <utility>

namespace heapwatch::check::memory {

using Moment = std::chrono::steady_clock::time_point;

/// An instance that wants to look at a process.
struct BudgetRequest {
  const void* who = nullptr;
  double share = 0;                  // of one core
  std::chrono::nanoseconds most{0};  // credit that is saved up, at most
  Moment now;
  Moment waits_since;                 // when its look was due
  std::chrono::nanoseconds again{0};  // asks again within this time, if it is refused
};

/// Threads: any.
class Budget {
 public:
  /// From now on everything is allowed: a person waits for the looks of one command.
  void lift();

  [[nodiscard]] bool allows(const BudgetRequest& request);
  /// Who asks no more, because there is nothing left to look at.
  void withdraw(const void* who);
  /// What a look has cost, whoever's it was.
  void spend(std::chrono::nanoseconds cost);
  /// All that was spent.
  [[nodiscard]] std::chrono::nanoseconds spent() const;

 private:
  struct Waiting {
    Moment since;
    Moment until;  // when it is taken to have gone
  };
  struct Account {
    std::chrono::nanoseconds credit{0};
    Moment settled;
    std::chrono::nanoseconds spent{0};  // of all, when it was settled
    std::map<const void*, Waiting> waiting;
  };
  using Key = std::pair<double, std::chrono::nanoseconds>;

  [[nodiscard]] Account& settled_account(const BudgetRequest& request);

  mutable std::mutex mutex_;
  bool is_lifted_ = false;
  std::chrono::nanoseconds spent_{0};
  std::map<Key, Account> accounts_;
};

}  // namespace heapwatch::check::memory
