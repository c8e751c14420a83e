// How many bytes the process remembers of what others named, and how many it may.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace heapwatch::base {

/// Names, tags, label texts, paths, the state of series and the lines of the metrics page are
/// counted where they are held: in all a little less than the heap holds for them. What is over the
/// limit is not refused here; whoever is about to remember something new asks first.
///
/// Threads: safe.
struct RememberedBytes {
  std::atomic<std::size_t> bytes{0};
  std::atomic<std::size_t> bytes_max{std::size_t{1024} * 1024 * 1024};
};

/// Of the process. A shared module of the program has one of its own until it is handed the
/// program's by share_remembered().
[[nodiscard]] RememberedBytes& remembered();
void share_remembered(RememberedBytes& with);

/// Whether nothing new is to be remembered.
[[nodiscard]] inline bool remembers_enough() {
  const RememberedBytes& all = remembered();
  return all.bytes.load(std::memory_order_relaxed) > all.bytes_max.load(std::memory_order_relaxed);
}

/// Counts bytes while it lives.
class Remembers {
 public:
  Remembers() = default;
  explicit Remembers(std::size_t bytes) : bytes_(bytes) { count(bytes_); }
  Remembers(const Remembers&) = delete;
  Remembers& operator=(const Remembers&) = delete;
  Remembers(Remembers&& other) noexcept : bytes_(std::exchange(other.bytes_, 0)) {}
  Remembers& operator=(Remembers&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Remembers() { count(0 - bytes_); }

  /// From now on so many.
  void set(std::size_t bytes) {
    count(bytes - bytes_);
    bytes_ = bytes;
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  /// Wraps around, so that a smaller number takes away.
  static void count(std::size_t change) {
    remembered().bytes.fetch_add(change, std::memory_order_relaxed);
  }

  std::size_t bytes_ = 0;
};

}  // namespace heapwatch::base
