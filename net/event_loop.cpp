#include "net/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/event_loop_state.h"

namespace heapwatch::net {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;
using Clock = std::chrono::steady_clock;

/// Who an epoll event is for; a descriptor may change hands between two waits.
enum class Owner : std::uint32_t { wake, curl, watch };

std::uint64_t tag(Owner owner, int descriptor) {
  return static_cast<std::uint64_t>(owner) << 32U | static_cast<std::uint32_t>(descriptor);
}

}  // namespace

int EventLoop::State::on_socket(CURL* /*easy*/, curl_socket_t socket, int what, void* self,
                                void* known) noexcept {
  auto& state = *static_cast<State*>(self);
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(state.epoll.get(), EPOLL_CTL_DEL, socket, nullptr);
    return 0;
  }
  epoll_event event{};
  event.data.u64 = tag(Owner::curl, socket);
  event.events = ((what & CURL_POLL_IN) != 0 ? unsigned{EPOLLIN} : 0U) |
                 ((what & CURL_POLL_OUT) != 0 ? unsigned{EPOLLOUT} : 0U);
  if (known == nullptr) {
    curl_multi_assign(state.multi.get(), socket, self);
  }
  return epoll_ctl(state.epoll.get(), known == nullptr ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket,
                   &event);
}

int EventLoop::State::on_timer(CURLM* /*multi*/, long timeout_ms, void* self) noexcept {
  auto& state = *static_cast<State*>(self);
  state.curl_deadline.reset();
  if (timeout_ms >= 0) {
    state.curl_deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  }
  return 0;
}

void EventLoop::State::run() noexcept {
  while (!stopping.exchange(false)) {
    within_memory([this] { turn(); });
  }
}

void EventLoop::State::end_round() {
  const Clock::rep took =
      Clock::now().time_since_epoch().count() - round_began.exchange(0, std::memory_order_relaxed);
  Clock::rep longest = longest_round.load(std::memory_order_relaxed);
  while (took > longest &&
         !longest_round.compare_exchange_weak(longest, took, std::memory_order_relaxed)) {
  }
}

void EventLoop::State::turn() {
  wait();
  if (curl_deadline && *curl_deadline <= Clock::now()) {
    curl_deadline.reset();
    int left = 0;
    curl_multi_socket_action(multi.get(), CURL_SOCKET_TIMEOUT, 0, &left);
  }
  reap();
  timers.run_due(Clock::now(), [this] { return !stopping; });
  run_posted();
  call_finished();
  start_waiting();
  end_round();
}

int EventLoop::State::wait_ms() {
  if (!finished.empty() || stopping) {
    return 0;
  }
  std::optional<Clock::time_point> next = timers.next();
  if (curl_deadline && (!next || *curl_deadline < *next)) {
    next = curl_deadline;
  }
  if (!next) {
    return -1;
  }
  // Rounded up: a wait that ends too early would only be taken up again.
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now());
  constexpr std::int64_t longest = 60'000;
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, longest));
}

void EventLoop::State::wait() {
  std::array<epoll_event, 256> events{};
  const int count =
      epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), wait_ms());
  round_began.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
  for (int i = 0; i < count && !stopping; ++i) {
    handle(events.at(static_cast<std::size_t>(i)));
  }
}

void EventLoop::State::handle(const epoll_event& event) {
  const auto owner = static_cast<Owner>(event.data.u64 >> 32U);
  const auto descriptor = static_cast<int>(event.data.u64 & 0xffffffffU);
  switch (owner) {
    case Owner::wake:
      drain();
      return;
    case Owner::watch: {
      const auto found = watched.find(descriptor);
      if (found != watched.end()) {
        const Task ready = found->second;  // which may unwatch itself
        ready();
      }
      return;
    }
    case Owner::curl: {
      const int what = ((event.events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                       ((event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                       ((event.events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
      int left = 0;
      curl_multi_socket_action(multi.get(), descriptor, what, &left);
      return;
    }
  }
}

void EventLoop::State::run_posted() {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(posted_mutex);
    tasks.swap(posted);
  }
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (stopping) {
      const std::lock_guard lock(posted_mutex);
      posted.insert(posted.begin(), std::make_move_iterator(tasks.begin() + static_cast<long>(i)),
                    std::make_move_iterator(tasks.end()));
      ring();
      return;
    }
    within_memory(tasks[i]);
  }
}

void EventLoop::State::ring() const {
  const std::uint64_t one = 1;
  (void)!write(wake.get(), &one, sizeof one);
}

void EventLoop::State::drain() const {
  std::uint64_t count = 0;
  (void)!read(wake.get(), &count, sizeof count);
}

Result<std::unique_ptr<EventLoop>> EventLoop::create(EventLoopOptions options) {
  if (auto started = start_curl(); !started) {
    return tl::unexpected(started.error());
  }
  base::OwnDescriptor epoll(epoll_create1(EPOLL_CLOEXEC));
  base::OwnDescriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag(Owner::wake, wake.get());
  if (epoll.get() < 0 || wake.get() < 0 ||
      epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0) {
    return fail(ErrorKind::io, std::string("event loop: ") + std::strerror(errno));
  }
  State::Multi multi(curl_multi_init(), &curl_multi_cleanup);
  if (!multi) {
    return fail(ErrorKind::io, "event loop: out of memory");
  }
  auto state =
      std::make_unique<State>(options, std::move(epoll), std::move(wake), std::move(multi));
  CURLM* const handle = state->multi.get();
  curl_multi_setopt(handle, CURLMOPT_SOCKETFUNCTION, &State::on_socket);
  curl_multi_setopt(handle, CURLMOPT_SOCKETDATA, state.get());
  curl_multi_setopt(handle, CURLMOPT_TIMERFUNCTION, &State::on_timer);
  curl_multi_setopt(handle, CURLMOPT_TIMERDATA, state.get());
  curl_multi_setopt(handle, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
  curl_multi_setopt(handle, CURLMOPT_MAXCONNECTS, static_cast<long>(options.idle_connections_max));
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(state)));
}

EventLoop::EventLoop(std::unique_ptr<State> state) : state_(std::move(state)) {}
EventLoop::~EventLoop() = default;

void EventLoop::run() {
  state_->run();
}

void EventLoop::stop() {
  state_->stopping = true;
  state_->ring();
}

void EventLoop::post(Task task) {
  bool first = false;
  {
    const std::lock_guard lock(state_->posted_mutex);
    first = state_->posted.empty();
    state_->posted.push_back(std::move(task));
  }
  if (first) {
    state_->ring();
  }
}

EventLoop::TimerId EventLoop::at(Clock::time_point when, Task task) {
  return TimerId{state_->timers.add(when, std::move(task))};
}

void EventLoop::cancel(TimerId timer) {
  state_->timers.cancel(static_cast<TimerQueue::Id>(timer));
}

void EventLoop::fetch(HttpRequestPtr request, Done done, BodyFilterPtr filter) {
  state_->waiting.push_back({std::move(request), std::move(done), std::move(filter)});
  state_->start_waiting();
}

void EventLoop::watch(int descriptor, Task ready) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag(Owner::watch, descriptor);
  state_->watched.insert_or_assign(descriptor, std::move(ready));
  epoll_ctl(state_->epoll.get(), EPOLL_CTL_ADD, descriptor, &event);
}

void EventLoop::unwatch(int descriptor) {
  state_->watched.erase(descriptor);
  epoll_ctl(state_->epoll.get(), EPOLL_CTL_DEL, descriptor, nullptr);
}

std::size_t EventLoop::transfers_running() const {
  return state_->running.size();
}
std::size_t EventLoop::transfers_waiting() const {
  return state_->waiting.size();
}

std::chrono::nanoseconds EventLoop::busy_for() const {
  const Clock::rep began = state_->round_began.load(std::memory_order_relaxed);
  return began == 0 ? Clock::duration::zero()
                    : Clock::now().time_since_epoch() - Clock::duration(began);
}

std::chrono::nanoseconds EventLoop::take_longest_round() {
  return Clock::duration(state_->longest_round.exchange(0, std::memory_order_relaxed));
}

}  // namespace heapwatch::net
