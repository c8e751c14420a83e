#include "net/server_pages.h"

#include <exception>
#include <memory>
#include <utility>

#include "base/log.h"
#include "net/gzip.h"

namespace heapwatch::net {

namespace {

/// Requests that wait for each thread of those that take long.
constexpr std::size_t long_waiting_per_thread = 4;

}  // namespace

ServerPages::ServerPages(const ServerOptions& options, ServerHandler handler,
                         std::size_t waiting_max, std::function<void()> wake)
    : options_(options),
      handler_(std::move(handler)),
      wake_(std::move(wake)),
      workers_(options.threads, waiting_max),
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
    if (submit({key, std::move(request), {connection}})) {
      return true;
    }
    shared_.erase(making);
    return false;
  }
  Next& next = making->second;
  next.connections.push_back(connection);
  if (next.connections.size() == 1) {
    next.request = std::move(request);
  }
  return true;
}

bool ServerPages::submit(Job job) {
  const bool takes_long = options_.takes_long && options_.takes_long(job.request);
  const auto shared = std::make_shared<Job>(std::move(job));
  return (takes_long ? long_workers_ : workers_).submit([this, shared] { make(*shared); });
}

void ServerPages::make(Job& job) noexcept {
  Made made{std::move(job.connections), {}};
  try {
    made.reply = render(job.request, answer(handler_, job.request));
  } catch (const std::exception& thrown) {  // no memory for it
    base::log(base::LogLevel::error, std::string("http server: ") + thrown.what());
    made.reply = {.head = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n",
                  .body = nullptr};
  }
  bool is_first = false;
  {
    const std::lock_guard lock(mutex_);
    is_first = made_.empty();
    made_.emplace_back(std::move(job.key), std::move(made));
  }
  if (is_first) {
    wake_();
  }
}

std::vector<ServerPages::Made> ServerPages::take_made() {
  std::vector<std::pair<std::string, Made>> made;
  {
    const std::lock_guard lock(mutex_);
    made.swap(made_);
  }
  std::vector<Made> out;
  out.reserve(made.size());
  for (auto& [key, one] : made) {
    out.push_back(std::move(one));
    const auto shared = key.empty() ? shared_.end() : shared_.find(key);
    if (shared == shared_.end()) {
      continue;
    }
    Next next = std::exchange(shared->second, {});
    if (next.connections.empty()) {
      shared_.erase(shared);
    } else if (!submit({key, std::move(next.request), next.connections})) {
      shared_.erase(shared);
      out.push_back({std::move(next.connections),
                     render({}, refusal_reply({503, "there is no thread to make the page"}))});
    }
  }
  return out;
}

}  // namespace heapwatch::net
