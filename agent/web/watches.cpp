#include "agent/web/watches.h"

#include <exception>
#include <utility>

#include "base/file.h"
#include "base/log.h"

namespace heapwatch::agent::web {

namespace {

constexpr std::size_t name_bytes_max = 4096;

/// What is measured goes to the history, not to exporters.
class NobodysSink final : public metrics::SampleSink {
 public:
  void submit(const metrics::Sample& /*sample*/) override {}
  void submit(const metrics::ServiceCheck& /*check*/) override {}
  void submit(const metrics::Event& /*event*/) override {}
};

}  // namespace

void Watches::begin() {
  const std::lock_guard lock(mutex_);
  start_thread();
}

/// Under the lock.
void Watches::start_thread() {
  if (!thread_.joinable() && !stop_) {
    thread_ = std::thread([this] { work(); });
  }
}

void Watches::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

base::Result<Watches::Watched> Watches::watch(int pid, std::optional<net::HttpRequest> page) {
  const auto name = base::read_file("/proc/" + std::to_string(pid) + "/comm", name_bytes_max);
  if (!name) {
    return base::fail(base::ErrorKind::not_found, "there is no process " + std::to_string(pid));
  }
  const std::lock_guard lock(mutex_);
  const auto known = entries_.find(pid);
  if (known != entries_.end()) {
    return Watched{.pid = pid, .name = known->second.name};
  }
  if (entries_.size() >= processes_max) {
    return base::fail(base::ErrorKind::limit,
                      std::to_string(processes_max) + " processes are watched already");
  }
  check::MemoryWatch look = options_.look;
  look.page = std::move(page);
  Entry entry{.name = name->substr(0, name->find('\n')),
              .check = check::memory_check_of(pid, look)};
  Watched watched{.pid = pid, .name = entry.name};
  entries_.emplace(pid, std::move(entry));
  is_new_ = true;
  start_thread();
  wake_.notify_all();
  return watched;
}

bool Watches::forget(int pid) {
  Entry gone;  // its destructor takes locks of others
  const std::lock_guard lock(mutex_);
  const auto known = entries_.find(pid);
  if (known == entries_.end()) {
    return false;
  }
  gone = std::move(known->second);
  entries_.erase(known);
  return true;
}

std::vector<Watches::Watched> Watches::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<Watched> all;
  all.reserve(entries_.size());
  for (const auto& [pid, entry] : entries_) {
    all.push_back({.pid = pid, .name = entry.name});
  }
  return all;
}

void Watches::work() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    is_new_ = false;
    lock.unlock();
    try {
      look_at_all();
      if (options_.after_round) {
        options_.after_round();
      }
    } catch (const std::exception& e) {  // no memory
      base::log(base::LogLevel::error, std::string("watching processes: ") + e.what());
    }
    lock.lock();
    wake_.wait_for(lock, options_.every, [this] { return stop_ || is_new_; });
  }
}

void Watches::look_at_all() {
  std::map<int, std::shared_ptr<check::Check>> checks;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [pid, entry] : entries_) {
      checks.emplace(pid, entry.check);
    }
  }
  NobodysSink sink;
  for (auto& [pid, check] : checks) {
    const base::Result<check::RunReport> report = check->run(sink);
    if (!report && report.error().kind == base::ErrorKind::not_found) {
      (void)forget(pid);  // it has ended
    }
  }
}

}  // namespace heapwatch::agent::web
