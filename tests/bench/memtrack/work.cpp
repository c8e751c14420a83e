// A program with many threads that does ordinary work with ordinary containers: work THREADS.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Order {
  std::string customer;
  std::vector<std::string> items;
};

/// Counts of words, from text that is made, split, sorted and joined again.
class Shop {
 public:
  void serve(std::uint32_t seed, int orders) {
    for (int i = 0; i < orders; ++i) {
      auto order = std::make_unique<Order>();
      seed = seed * 1664525U + 1013904223U;
      order->customer = "customer number " + std::to_string(seed % 5000);
      std::istringstream words("tea coffee milk " + std::to_string(seed % 97) + " sugar bread " +
                               std::to_string(seed % 31) + " butter a longer name of something");
      for (std::string word; words >> word;) {
        order->items.push_back(word);
      }
      std::sort(order->items.begin(), order->items.end());
      const std::lock_guard lock(mutex_);
      auto& last = last_[order->customer];
      items_ += order->items.size();
      last = std::move(order);
    }
  }
  [[nodiscard]] std::size_t items() const { return items_; }

 private:
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Order>> last_;
  std::size_t items_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  const int threads = count == 2 ? std::atoi(arguments[1]) : 0;
  if (threads < 1) {
    std::fputs("usage: work THREADS\n", stderr);
    return 2;
  }
  Shop shop;
  std::vector<std::thread> workers;
  for (int i = 0; i < threads; ++i) {
    workers.emplace_back([&shop, i] { shop.serve(static_cast<std::uint32_t>(i), 60000); });
  }
  for (std::thread& worker : workers) {
    worker.join();
  }
  std::printf("%zu\n", shop.items());
  return 0;
}
