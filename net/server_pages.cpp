#include "net/server_pages.h"

#include <exception>
#include <memory>
#include <utility>

#include "base/log.h"
#include "base/memory_reserve.h"
#include "net/gzip.h"

namespace heapwatch::net {

namespace {

/// Requests that wait for each thread of those that take long.
constexpr std::size_t long_waiting_per_thread = 4;

}  // namespace

ServerPages::ServerPages(const ServerOptions& options, ServerHandler handler, LongMade long_made)
    : options_(options),
      handler_(std::move(handler)),
      long_made_(std::move(long_made)),
      long_workers_(options.long_threads, long_waiting_per_thread * options.long_threads) {}

/// Besides what the page depends on, whether it is to be compressed.
std::string ServerPages::key_of(const ServerRequest& request) const {
  std::string key;
  if (options_.shared_as && request.method == "GET") {
    key = options_.shared_as(request);
  }
  if (!key.empty()) {
    key += accepts_gzip(request.header("accept-encoding")) ? '1' : '0';
  }
  return key;
}

bool ServerPages::ask_for(std::uint64_t connection, ServerRequest request) {
  std::string key = key_of(request);
  if (key.empty()) {
    return submit({{}, std::move(request), {connection}});
  }
  const auto [making, is_first] = shared_.try_emplace(key);
  if (is_first) {
    // The entry is there for as long as somebody makes the page.
    bool is_made = false;
    (void)base::within_memory([&] { is_made = submit({key, std::move(request), {connection}}); });
    if (!is_made) {
      shared_.erase(making);
    }
    return is_made;
  }
  Next& next = making->second;
  next.connections.push_back(connection);
  if (next.connections.size() == 1) {
    next.request = std::move(request);
  }
  return true;
}

bool ServerPages::submit(Job job) {
  if (!options_.takes_long || !options_.takes_long(job.request)) {
    waiting_.push_back(std::move(job));
    ++under_way_;
    return true;
  }
  const auto shared = std::make_shared<Job>(std::move(job));
  const bool taken =
      long_workers_.submit([this, shared]() noexcept { long_made_(*shared, make(*shared)); });
  under_way_ += taken ? 1 : 0;
  return taken;
}

ServerPages::Job ServerPages::take() {
  Job job = std::move(waiting_.front());
  waiting_.pop_front();
  return job;
}

RenderedReply ServerPages::make(const Job& job) const noexcept {
  try {
    return render(job.request, answer(handler_, job.request));
  } catch (const std::exception& thrown) {  // no memory for it
    base::refill_memory_reserve();
    base::log(base::LogLevel::error, std::string("http server: ") + thrown.what());
    return {.head = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n", .body = nullptr};
  }
}

bool ServerPages::finish(const Job& job, Connections& refused) {
  --under_way_;
  const auto shared = job.key.empty() ? shared_.end() : shared_.find(job.key);
  if (shared == shared_.end()) {
    return true;
  }
  Next next = std::exchange(shared->second, {});
  if (next.connections.empty()) {
    shared_.erase(shared);
    return true;
  }
  bool is_made = false;
  (void)base::within_memory([&] {
    is_made = submit({job.key, std::move(next.request), next.connections});
  });
  if (is_made) {
    return true;
  }
  shared_.erase(shared);
  refused = std::move(next.connections);
  return false;
}

}  // namespace heapwatch::net
