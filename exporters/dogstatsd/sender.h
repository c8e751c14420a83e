// The thread between an exporter, which must not wait, and a server, which may be slow.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "exporters/dogstatsd/counters.h"
#include "exporters/dogstatsd/transport.h"

namespace heapwatch::exporters::dogstatsd {

/// A bounded queue of packets and the thread that sends them.
///
/// Threads: push() and drain() may be called from any thread. Ownership: `counters` must outlive
/// the sender. The destructor gives what is queued one second.
class Sender {
 public:
  Sender(TransportOptions transport, std::size_t queue_bytes_max, SharedCounters& counters);
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  ~Sender();

  /// Never waits. A packet the queue has no room for, or no memory, is dropped and counted.
  void push(std::string packet);

  /// Packets that nobody has begun to send.
  [[nodiscard]] std::size_t queued() const;

  /// Waits until all that was pushed is sent or dropped; false when it took longer.
  [[nodiscard]] bool drain(std::chrono::milliseconds timeout);

 private:
  void run() noexcept;
  [[nodiscard]] bool enqueue(std::string& packet) noexcept;
  void flush() noexcept;
  [[nodiscard]] Delivery deliver(const std::string& packet) noexcept;
  void count(Delivery delivery, std::size_t bytes);

  Transport transport_;
  bool paced_;
  std::size_t queue_bytes_max_;
  SharedCounters& counters_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> queue_;
  std::deque<std::string> sending_packets_;  // the sending thread's
  std::size_t queue_bytes_ = 0;
  bool sending_ = false;
  bool stop_ = false;
  std::chrono::steady_clock::time_point give_up_ = std::chrono::steady_clock::time_point::max();
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace heapwatch::exporters::dogstatsd
