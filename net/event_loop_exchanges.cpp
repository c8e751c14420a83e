// The exchanges of an event loop, from one that waits to the callback of one that has ended.
#include <new>
#include <utility>

#include "net/event_loop_state.h"

namespace heapwatch::net {

namespace {

using base::Result;

/// When std::bad_alloc was caught.
base::Error no_memory() {
  base::refill_memory_reserve();
  return {base::ErrorKind::limit, "there was no memory for the exchange"};
}

}  // namespace

void EventLoop::State::reap() {
  int left = 0;
  while (!stopping) {
    const CURLMsg* const message = curl_multi_info_read(multi.get(), &left);
    if (message == nullptr) {
      return;
    }
    if (message->msg == CURLMSG_DONE) {
      complete(message->easy_handle, message->data.result);
    }
  }
}

void EventLoop::State::complete(CURL* easy, CURLcode code) {
  const auto found = running.find(easy);
  if (found == running.end()) {
    return;
  }
  curl_multi_remove_handle(multi.get(), easy);
  std::optional<HttpResult> result;
  try {
    result = found->second.exchange->finish(code);
  } catch (const std::bad_alloc&) {
    result = tl::unexpected(no_memory());
  }
  if (!result) {
    curl_multi_add_handle(multi.get(), easy);
    return;
  }
  conclude(found, std::move(*result));
}

void EventLoop::State::conclude(std::unordered_map<CURL*, Running>::iterator which,
                                HttpResult result) {
  Running ended = std::move(which->second);
  running.erase(which);
  timers.cancel(ended.silence_timer);
  try {
    idle.give_back(std::move(ended.exchange));
  } catch (const std::bad_alloc&) {
    base::refill_memory_reserve();  // another one is made when it is needed
  }
  ended.done(std::move(result));
}

void EventLoop::State::start_waiting() {
  while (!waiting.empty() && running.size() < options.transfers_max) {
    Waiting next = std::move(waiting.front());
    waiting.pop_front();
    start(std::move(next));
  }
}

void EventLoop::State::start(Waiting next) {
  Done done = std::move(next.done);
  CURL* easy = nullptr;
  Result<void> begun;
  try {
    auto exchange = idle.take(next.request.get());
    begun = exchange ? (*exchange)->begin(std::move(next.request), std::move(next.filter))
                     : tl::unexpected(exchange.error());
    if (begun) {
      easy = (*exchange)->handle();
      Running& one = running.try_emplace(easy).first->second;
      one.exchange = std::move(*exchange);
      watch_silence(one, one.exchange->silent_at_first());
      one.done = std::move(done);
      curl_multi_add_handle(multi.get(), easy);
      return;
    }
    if (exchange) {
      idle.give_back(std::move(*exchange));
    }
  } catch (const std::bad_alloc&) {
    running.erase(easy);
    begun = tl::unexpected(no_memory());
  }
  finished.emplace_back(std::move(done), tl::unexpected(std::move(begun.error())));
}

/// One timer per exchange, looked at when it fires instead of moved with every byte.
void EventLoop::State::watch_silence(Running& one, Clock::time_point silent_at) {
  if (silent_at != Clock::time_point::max()) {
    CURL* const easy = one.exchange->handle();
    one.silence_timer = timers.add(silent_at, [this, easy] { check_silence(easy); });
  }
}

void EventLoop::State::check_silence(CURL* easy) {
  const auto found = running.find(easy);
  const auto now = Clock::now();
  const auto silent_at = found->second.exchange->silent_at(now);
  if (silent_at > now) {
    watch_silence(found->second, silent_at);
    return;
  }
  curl_multi_remove_handle(multi.get(), easy);
  conclude(found, tl::unexpected(found->second.exchange->silence()));
}

void EventLoop::State::call_finished() {
  for (std::size_t left = finished.size(); left > 0 && !stopping; --left) {
    auto [done, result] = std::move(finished.front());
    finished.pop_front();
    within_memory([&done = done, &result = result] { done(std::move(result)); });
  }
}

}  // namespace heapwatch::net
