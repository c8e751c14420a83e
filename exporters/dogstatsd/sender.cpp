#include "exporters/dogstatsd/sender.h"

#include <new>
#include <system_error>
#include <utility>

#include "base/memory_reserve.h"

namespace heapwatch::exporters::dogstatsd {

namespace {

constexpr std::chrono::seconds shutdown_patience{1};

// UDP has no back pressure: a long burst would overrun the server's receive buffer unseen. Some
// 30'000 packets a second are more than a server parses.
constexpr std::size_t burst_packets = 32;
constexpr std::chrono::milliseconds burst_pause{1};

/// What is left of the work for want of memory, or of a thread, is done with the next packets.
template <typename Work>
void as_far_as_memory_goes(const Work& work) noexcept {
  try {
    work();
  } catch (const std::bad_alloc&) {
    base::refill_memory_reserve();
  } catch (const std::system_error&) {
    base::refill_memory_reserve();
  }
}

}  // namespace

Sender::Sender(TransportOptions transport, std::size_t queue_bytes_max, SharedCounters& counters)
    : transport_(std::move(transport)),
      paced_(transport_.is_udp()),
      queue_bytes_max_(queue_bytes_max),
      counters_(counters),
      thread_([this]() noexcept { run(); }) {}

Sender::~Sender() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    give_up_ = std::chrono::steady_clock::now() + shutdown_patience;
  }
  changed_.notify_all();
  thread_.join();
}

void Sender::push(std::string packet) {
  const std::size_t bytes = packet.size();
  if (enqueue(packet)) {
    return;
  }
  counters_.update([bytes](Counters& counters) {
    ++counters.packets_dropped_queue;
    counters.bytes_dropped_queue += bytes;
  });
}

bool Sender::enqueue(std::string& packet) noexcept {
  const std::lock_guard lock(mutex_);
  const std::size_t bytes = packet.size();
  if (queue_bytes_ + bytes > queue_bytes_max_) {
    return false;
  }
  try {
    queue_.push_back(std::move(packet));
  } catch (const std::bad_alloc&) {
    return false;
  }
  queue_bytes_ += bytes;
  changed_.notify_all();
  return true;
}

std::size_t Sender::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

bool Sender::drain(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [this] { return queue_.empty() && !sending_; });
}

void Sender::run() noexcept {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || !queue_.empty(); });
    if (queue_.empty()) {
      return;
    }
    sending_ = true;
    sending_packets_.swap(queue_);
    lock.unlock();
    flush();
    sending_packets_.clear();
    lock.lock();
    sending_ = false;
    changed_.notify_all();
  }
}

void Sender::flush() noexcept {
  as_far_as_memory_goes([this] { transport_.begin_flush(); });
  std::size_t in_burst = 0;
  for (const std::string& packet : sending_packets_) {
    if (paced_ && ++in_burst > burst_packets) {
      std::this_thread::sleep_for(burst_pause);
      in_burst = 1;
    }
    bool late = false;
    {
      const std::lock_guard lock(mutex_);
      queue_bytes_ -= packet.size();
      late = std::chrono::steady_clock::now() > give_up_;
    }
    count(late ? Delivery::failed : deliver(packet), packet.size());
  }
  as_far_as_memory_goes([this] { transport_.end_flush(); });
  counters_.update([this](Counters& counters) { counters.reachable = transport_.reachable(); });
}

Delivery Sender::deliver(const std::string& packet) noexcept {
  Delivery delivery = Delivery::failed;
  as_far_as_memory_goes([&] { delivery = transport_.send(packet); });
  return delivery;
}

void Sender::count(Delivery delivery, std::size_t bytes) {
  counters_.update([&](Counters& counters) {
    if (delivery == Delivery::sent) {
      ++counters.packets_sent;
      counters.bytes_sent += bytes;
    } else {
      ++counters.packets_dropped_writer;
      counters.bytes_dropped_writer += bytes;
    }
  });
}

}  // namespace heapwatch::exporters::dogstatsd
