// What an event loop keeps. Private to this folder.
#pragma once

#include <curl/curl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/log.h"
#include "base/memory_reserve.h"
#include "net/event_loop.h"
#include "net/exchange.h"
#include "net/exchange_pool.h"
#include "net/timer_queue.h"

struct epoll_event;

namespace heapwatch::net {

struct EventLoop::State {
  using Clock = std::chrono::steady_clock;
  using Multi = std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)>;
  struct Running {
    std::unique_ptr<Exchange> exchange;
    Done done;
    TimerQueue::Id silence_timer = 0;
  };
  struct Waiting {
    HttpRequestPtr request;
    Done done;
    BodyFilterPtr filter;
  };

  State(EventLoopOptions given, base::OwnDescriptor epoll_descriptor,
        base::OwnDescriptor wake_descriptor, Multi multi_handle)
      : options(given),
        epoll(std::move(epoll_descriptor)),
        wake(std::move(wake_descriptor)),
        idle(std::min(given.idle_handles_max, given.idle_connections_max)),
        multi(std::move(multi_handle)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    for (auto& [easy, running_exchange] : running) {
      curl_multi_remove_handle(multi.get(), easy);
    }
  }

  /// What is going on is lost for want of memory, and nothing of what comes after it; whoever cares
  /// more has caught it before.
  template <typename Work>
  static void within_memory(const Work& work) {
    if (!base::within_memory(work)) {
      base::log(base::LogLevel::error, "event loop: out of memory");
    }
  }

  void run() noexcept;
  void turn();
  void wait();
  void end_round();
  void handle(const epoll_event& event);
  void reap();
  void complete(CURL* easy, CURLcode code);
  void conclude(std::unordered_map<CURL*, Running>::iterator which, HttpResult result);
  void start_waiting();
  void start(Waiting next);
  void watch_silence(Running& one, Clock::time_point silent_at);
  void check_silence(CURL* easy);
  void run_posted();
  void call_finished();
  void ring() const;
  void drain() const;
  [[nodiscard]] int wait_ms();

  static int on_socket(CURL* easy, curl_socket_t socket, int what, void* self,
                       void* known) noexcept;
  static int on_timer(CURLM* multi, long timeout_ms, void* self) noexcept;

  EventLoopOptions options;
  base::OwnDescriptor epoll;
  base::OwnDescriptor wake;
  std::atomic<bool> stopping{false};
  std::atomic<Clock::rep> round_began{0};  // 0: between rounds
  std::atomic<Clock::rep> longest_round{0};
  std::mutex posted_mutex;
  std::vector<Task> posted;

  TimerQueue timers;
  std::unordered_map<int, Task> watched;
  std::optional<Clock::time_point> curl_deadline;
  std::deque<Waiting> waiting;
  std::deque<std::pair<Done, HttpResult>> finished;  // whose callbacks are still to be called
  ExchangePool idle;
  Multi multi;
  std::unordered_map<CURL*, Running> running;
};

}  // namespace heapwatch::net
