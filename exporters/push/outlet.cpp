#include "exporters/push/outlet.h"

#include <new>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/memory_reserve.h"
#include "base/text.h"

namespace heapwatch::exporters::push {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t credential_bytes_max = std::size_t{64} * 1024;
constexpr std::size_t answer_bytes_max = std::size_t{64} * 1024;

base::Result<std::string> credential(const std::string& file) {
  auto text = base::read_file(file, credential_bytes_max);
  if (!text) {
    return text;
  }
  return std::string(base::trimmed(*text));
}

}  // namespace

class Outlet::LoopSurroundings final : public Surroundings {
 public:
  LoopSurroundings(net::EventLoop& loop, base::Clock clock)
      : loop_(loop), clock_(std::move(clock)) {}

  [[nodiscard]] base::Instant now() const override { return clock_(); }
  void fetch(net::HttpRequestPtr request, std::function<void(net::HttpResult)> done) override {
    loop_.fetch(std::move(request), std::move(done));
  }
  void at(std::chrono::steady_clock::time_point when, std::function<void()> task) override {
    (void)loop_.at(when, std::move(task));
  }

 private:
  net::EventLoop& loop_;
  base::Clock clock_;
};

Outlet::Outlet(ReceiverOptions receiver, Options options)
    : receiver_(std::move(receiver)), options_(std::move(options)) {}

base::Result<std::unique_ptr<Outlet>> Outlet::start(ReceiverOptions receiver, Options options) {
  auto outlet = std::unique_ptr<Outlet>(new Outlet(std::move(receiver), std::move(options)));
  if (auto started = outlet->start_sending(); !started) {
    return tl::unexpected(started.error());
  }
  return outlet;
}

base::Result<Queue::Options> Outlet::open_queue() const {
  Queue::Options queue{.disk = nullptr, .memory_bytes_max = receiver_.memory_bytes_max};
  if (receiver_.disk_folder.empty()) {
    return queue;
  }
  auto disk =
      DiskQueue::open({.folder = receiver_.disk_folder, .bytes_max = receiver_.disk_bytes_max});
  const std::string whose = std::string(options_.protocol->name) + ' ' + receiver_.name + ": ";
  if (disk) {
    queue.disk = std::move(*disk);
  } else if (receiver_.disk_is_wanted) {
    return base::fail(disk.error().kind, whose + disk.error().message);
  } else {
    base::log(
        base::LogLevel::warn,
        whose + std::string(options_.protocol->noun) +
            "s wait in memory alone, and are lost when heapwatch ends: " + disk.error().message);
  }
  return queue;
}

base::Result<void> Outlet::start_sending() {
  const std::size_t at_once = std::size_t{receiver_.lanes} + 1;
  auto loop = net::EventLoop::create(
      {.transfers_max = at_once, .idle_connections_max = at_once, .idle_handles_max = at_once});
  if (!loop) {
    return tl::unexpected(loop.error());
  }
  auto queue = open_queue();
  if (!queue) {
    return tl::unexpected(queue.error());
  }
  loop_ = std::move(*loop);
  surroundings_ = std::make_unique<LoopSurroundings>(*loop_, options_.clock);
  sender_ = std::make_unique<Sender>(
      SenderOptions{.protocol = options_.protocol,
                    .name = receiver_.name,
                    .lanes = receiver_.lanes,
                    .version = options_.version,
                    .retry_on_429 = receiver_.retry_on_429,
                    .min_backoff = receiver_.min_backoff,
                    .max_backoff = receiver_.max_backoff,
                    .sample_age_limit = receiver_.sample_age_limit,
                    .request = [this](const std::string& token) { return make_request(token); },
                    .oauth2 = receiver_.oauth2,
                    .on_version = options_.on_version},
      Queue(*std::move(queue)), *surroundings_, figures_);
  is_idle_ = sender_->is_idle();
  loop_->post([this] {
    sender_->pump();
    check_idle();
  });
  thread_ = std::thread([this]() noexcept { loop_->run(); });
  return {};
}

Outlet::~Outlet() {
  stop();
}

void Outlet::stop() {
  if (thread_.joinable()) {
    loop_->post([this] { loop_->stop(); });  // behind what was passed
    thread_.join();
  }
}

base::Result<net::HttpRequest> Outlet::make_request(const std::string& token) const {
  net::HttpRequest request = receiver_.request;
  request.body_bytes_max = answer_bytes_max;
  for (const auto& [file, member] :
       {std::pair{&receiver_.username_file, &net::HttpRequest::username},
        std::pair{&receiver_.password_file, &net::HttpRequest::password}}) {
    if (!file->empty()) {
      auto text = credential(*file);
      if (!text) {
        return tl::unexpected(text.error());
      }
      request.*member = std::move(*text);
    }
  }
  if (!token.empty()) {
    request.headers.emplace_back("Authorization", "Bearer " + token);
  }
  return request;
}

void Outlet::pass(Batch batch) {
  // Where the thread does not keep up, who publishes does its work, which takes time and less room.
  constexpr std::size_t busy_part = 4;
  const bool is_busy = handed_over_ > receiver_.memory_bytes_max / busy_part;
  if (is_busy) {
    batch.message = options_.protocol->compressed(batch.message);
  }
  const std::size_t bytes = batch.message.size();
  if (handed_over_ + bytes > receiver_.memory_bytes_max) {
    figures_.update([&](Figures& figures) { figures.dropped_queue_full += batch.samples; });
    return;
  }
  handed_over_ += bytes;
  ++batches_handed_over_;
  loop_->post([this, bytes, is_busy, shared = std::make_shared<Batch>(std::move(batch))] {
    take(std::move(*shared), is_busy);
    handed_over_ -= bytes;
    --batches_handed_over_;
    check_idle();
  });
}

void Outlet::take(Batch batch, bool is_compressed) {
  const std::uint32_t samples = batch.samples;
  try {
    if (!is_compressed) {
      batch.message = options_.protocol->compressed(batch.message);
    }
    sender_->push(std::move(batch));
  } catch (const std::bad_alloc&) {
    base::refill_memory_reserve();
    figures_.update([&](Figures& figures) { figures.dropped_queue_full += samples; });
  }
}

void Outlet::after(milliseconds time, std::function<void()> task) {
  loop_->post([this, time, task = std::move(task)] {
    (void)loop_->at(std::chrono::steady_clock::now() + time, task);
  });
}

void Outlet::check_idle() {
  const std::lock_guard lock(idle_mutex_);
  is_idle_ = sender_->is_idle();
  idle_changed_.notify_all();
}

bool Outlet::drain(milliseconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  std::unique_lock lock(idle_mutex_);
  constexpr milliseconds look_again{5};
  while (!is_idle_ || batches_handed_over_ > 0) {
    if (std::chrono::steady_clock::now() >= end) {
      return false;
    }
    lock.unlock();
    loop_->post([this] { check_idle(); });
    lock.lock();
    idle_changed_.wait_for(lock, look_again);
  }
  return true;
}

}  // namespace heapwatch::exporters::push
