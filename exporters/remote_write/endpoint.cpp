#include "exporters/remote_write/endpoint.h"

#include <algorithm>
#include <new>
#include <span>

#include "base/file.h"
#include "base/memory_reserve.h"
#include "base/text.h"
#include "exporters/remote_write/transcode.h"

namespace heapwatch::exporters::remote_write {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t credential_bytes_max = std::size_t{64} * 1024;
constexpr std::size_t answer_bytes_max = std::size_t{64} * 1024;
constexpr std::size_t in_slice = 256;

std::int64_t to_ms(base::Instant time) {
  return std::chrono::floor<milliseconds>(time.wall.time_since_epoch()).count();
}

/// What the tags do not say comes from the configuration: tags of the agent first.
prometheus::Labels labels_for(const EndpointOptions& options, const CommonOptions& common) {
  prometheus::Labels labels = prometheus::valid_labels(common.labels);
  labels.insert(options.external_labels.begin(), options.external_labels.end());
  return labels;
}

base::Result<std::string> credential(const std::string& file) {
  auto text = base::read_file(file, credential_bytes_max);
  if (!text) {
    return text;
  }
  return std::string(base::trimmed(*text));
}

}  // namespace

class Endpoint::LoopSurroundings final : public Surroundings {
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

struct Endpoint::Instance {
  explicit Instance(const metrics::Instance& instance) : about(instance) {}

  prometheus::TargetValues about;
  SeriesTable::Group group;
  std::optional<SeriesTable::Run> coming;  // published in slices
};

Endpoint::Endpoint(EndpointOptions options, const CommonOptions& common)
    : options_(std::move(options)),
      clock_(common.clock),
      values_(common.histogram),
      table_({.suffixes = common.suffixes,
              .labels = labels_for(options_, common),
              .percentiles = values_.percentiles()}),
      lanes_({.lanes_max = options_.lanes,
              .samples_max = options_.samples_max,
              .version = options_.version,
              .pass = [this](Batch batch) { pass(std::move(batch)); },
              .begin = [this] { cut_in_time(); }}) {}

base::Result<std::unique_ptr<Endpoint>> Endpoint::start(EndpointOptions options,
                                                        const CommonOptions& common) {
  auto endpoint = std::unique_ptr<Endpoint>(new Endpoint(std::move(options), common));
  if (auto started = endpoint->start_sending(); !started) {
    return tl::unexpected(started.error());
  }
  return endpoint;
}

base::Result<void> Endpoint::start_sending() {
  auto loop = net::EventLoop::create({.transfers_max = std::size_t{options_.lanes} + 1,
                                      .idle_connections_max = std::size_t{options_.lanes} + 1,
                                      .idle_handles_max = std::size_t{options_.lanes} + 1});
  if (!loop) {
    return tl::unexpected(loop.error());
  }
  Queue::Options queue{.disk = nullptr, .memory_bytes_max = options_.memory_bytes_max};
  if (!options_.disk_folder.empty()) {
    auto disk =
        DiskQueue::open({.folder = options_.disk_folder, .bytes_max = options_.disk_bytes_max});
    if (disk) {
      queue.disk = std::move(*disk);
    } else if (options_.disk_is_wanted) {
      return base::fail(disk.error().kind,
                        "remote write " + options_.name + ": " + disk.error().message);
    } else {
      base::log(base::LogLevel::warn, "remote write " + options_.name +
                                          ": samples wait in memory alone, and are lost when "
                                          "heapwatch ends: " +
                                          disk.error().message);
    }
  }
  loop_ = std::move(*loop);
  surroundings_ = std::make_unique<LoopSurroundings>(*loop_, clock_);
  sender_ = std::make_unique<Sender>(
      SenderOptions{.name = options_.name,
                    .lanes = options_.lanes,
                    .version = options_.version,
                    .retry_on_429 = options_.retry_on_429,
                    .min_backoff = options_.min_backoff,
                    .max_backoff = options_.max_backoff,
                    .sample_age_limit = options_.sample_age_limit,
                    .request = [this](const std::string& token) { return make_request(token); },
                    .oauth2 = options_.oauth2,
                    .on_version = [this](Version version) { lanes_.speak(version); }},
      Queue(std::move(queue)), *surroundings_, figures_);
  is_idle_ = sender_->is_idle();
  loop_->post([this] {
    sender_->pump();
    check_idle();
    send_metadata();
  });
  thread_ = std::thread([this]() noexcept { loop_->run(); });
  return {};
}

Endpoint::~Endpoint() {
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, instance] : by_id_) {
      instance->coming.reset();
    }
    if (loop_) {
      lanes_.cut_all();
    }
  }
  if (thread_.joinable()) {
    loop_->post([this] { loop_->stop(); });  // behind what was cut
    thread_.join();
  }
}

base::Result<net::HttpRequest> Endpoint::make_request(const std::string& token) const {
  net::HttpRequest request = options_.request;
  request.body_bytes_max = answer_bytes_max;
  for (const auto& [file, member] :
       {std::pair{&options_.username_file, &net::HttpRequest::username},
        std::pair{&options_.password_file, &net::HttpRequest::password}}) {
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

/// All messages that have samples are sent after the deadline. Called under the lock.
void Endpoint::cut_in_time() {
  loop_->post([this] {
    (void)loop_->at(std::chrono::steady_clock::now() + options_.deadline, [this] {
      const std::lock_guard lock(mutex_);
      lanes_.cut_in_time();
    });
  });
}

/// Called under the lock, or by the thread itself.
void Endpoint::pass(Batch batch) {
  // Where the thread does not keep up, who publishes does its work, which takes time and less room.
  constexpr std::size_t busy_part = 4;
  const bool is_busy = handed_over_ > options_.memory_bytes_max / busy_part;
  if (is_busy) {
    batch.message = compressed(batch.message);
  }
  const std::size_t bytes = batch.message.size();
  if (handed_over_ + bytes > options_.memory_bytes_max) {
    figures_.update([&](Figures& figures) { figures.dropped_queue_full += batch.samples; });
    return;
  }
  handed_over_ += bytes;
  ++batches_handed_over_;
  loop_->post([this, bytes, is_busy, shared = std::make_shared<Batch>(std::move(batch))] {
    const std::uint32_t samples = shared->samples;
    try {
      if (!is_busy) {
        shared->message = compressed(shared->message);
      }
      sender_->push(std::move(*shared));
    } catch (const std::bad_alloc&) {
      base::refill_memory_reserve();
      figures_.update([&](Figures& figures) { figures.dropped_queue_full += samples; });
    }
    handed_over_ -= bytes;
    --batches_handed_over_;
    check_idle();
  });
}

Endpoint::Instance& Endpoint::instance_of(const metrics::Snapshot& snapshot) {
  std::unique_ptr<Instance>& instance = by_id_[snapshot.instance->id];
  if (!instance) {
    instance = std::make_unique<Instance>(*snapshot.instance);
  }
  instance->coming.reset();  // what was begun and not ended
  return *instance;
}

void Endpoint::put_all(Instance& instance, const metrics::Snapshot& snapshot,
                       SeriesTable::Run& run) {
  const auto put_gauge = [&](const metrics::Context& context, const base::Number& value) {
    run.put(context, prometheus::FamilyType::gauge, {&value, 1});
  };
  instance.about.for_each(snapshot, put_gauge);
  prometheus::for_each_service_check(snapshot, put_gauge);
}

void Endpoint::publish(const metrics::Snapshot& snapshot) {
  const std::lock_guard lock(mutex_);
  Instance& instance = instance_of(snapshot);
  SeriesTable::Run run(table_, instance.group, to_ms(snapshot.time));
  put_all(instance, snapshot, run);
  for (const metrics::Series& series : prometheus::series_of(snapshot)) {
    if (prometheus::is_shown(series)) {
      run.put(series.context, prometheus::family_type(series), values_.of(series));
    }
  }
  run.end();
  while (run.emit(lanes_, in_slice)) {
  }
  count_drops();
}

class Endpoint::Slices final : public Publication {
 public:
  Slices(Endpoint& endpoint, const metrics::Snapshot& snapshot)
      : endpoint_(endpoint), snapshot_(snapshot), series_(prometheus::series_of(snapshot)) {
    const std::lock_guard lock(endpoint_.mutex_);
    Instance& instance = endpoint_.instance_of(snapshot_);
    SeriesTable::Run& run =
        instance.coming.emplace(endpoint_.table_, instance.group, to_ms(snapshot_.time));
    endpoint_.put_all(instance, snapshot_, run);
  }

  bool advance() override {
    const std::lock_guard lock(endpoint_.mutex_);
    const auto found = endpoint_.by_id_.find(snapshot_.instance->id);
    if (found == endpoint_.by_id_.end() || !found->second->coming) {
      return false;  // forgotten meanwhile
    }
    SeriesTable::Run& run = *found->second->coming;
    if (is_put_) {
      if (run.emit(endpoint_.lanes_, in_slice)) {
        return true;
      }
      found->second->coming.reset();
      endpoint_.count_drops();
      return false;
    }
    const std::size_t end = std::min(next_ + in_slice, series_.size());
    for (; next_ < end; ++next_) {
      const metrics::Series& series = series_[next_];
      if (prometheus::is_shown(series)) {
        run.put(series.context, prometheus::family_type(series), endpoint_.values_.of(series));
      }
    }
    if (next_ == series_.size()) {
      run.end();
      is_put_ = true;
    }
    return true;
  }

 private:
  Endpoint& endpoint_;
  const metrics::Snapshot& snapshot_;
  std::span<const metrics::Series> series_;
  std::size_t next_ = 0;
  bool is_put_ = false;
};

std::unique_ptr<Publication> Endpoint::begin(const metrics::Snapshot& snapshot) {
  return std::make_unique<Slices>(*this, snapshot);
}

void Endpoint::hand_over(const metrics::Instance& instance) {
  class Nowhere final : public SampleSink {
   public:
    void add(const Line& /*line*/, std::uint64_t /*series_hash*/) override {}
  };
  Nowhere nowhere;
  end(instance, nowhere);
}

void Endpoint::end(const metrics::Instance& instance, SampleSink& markers) {
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(instance.id);
  if (found == by_id_.end()) {
    return;
  }
  found->second->coming.reset();
  table_.end_all(found->second->group, to_ms(clock_()), markers);
  by_id_.erase(found);
}

void Endpoint::publish_own(const std::vector<OwnRow>& rows, base::Instant time) {
  const std::lock_guard lock(mutex_);
  SeriesTable::Run run(table_, own_, to_ms(time));
  for (const OwnRow& row : rows) {
    run.put(row.context, row.type, {&row.value, 1});
  }
  run.end();
  while (run.emit(lanes_, in_slice)) {
  }
}

void Endpoint::count_drops() {
  const SeriesTable::Counts counts = table_.counts();
  if (counts.duplicates == counted_.duplicates &&
      counts.type_conflicts == counted_.type_conflicts) {
    return;
  }
  counted_ = counts;
  figures_.update([&](Figures& figures) {
    figures.dropped_duplicate = counts.duplicates;
    figures.dropped_type = counts.type_conflicts;
  });
}

Figures Endpoint::figures() const {
  return figures_.read();
}

/// In messages of its own, as Prometheus sends it. Not while a receiver is behind: it is sent again
/// anyway. Version 2.0 has it with the samples.
void Endpoint::send_metadata() {
  if (!options_.metadata) {
    return;
  }
  constexpr std::size_t in_message = 500;
  (void)loop_->at(std::chrono::steady_clock::now() + options_.metadata_interval,
                  [this] { send_metadata(); });
  if (lanes_.version() != Version::v1 || !sender_->is_idle()) {
    return;
  }
  std::vector<MetadataPtr> all;
  {
    const std::lock_guard lock(mutex_);
    all = table_.all_metadata();
  }
  Encoder encoder;
  const auto pass_on = [&] {
    Batch batch;
    batch.message = encoder.take();
    pass(std::move(batch));
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    encoder.add(*all[i]);
    if ((i + 1) % in_message == 0) {
      pass_on();
    }
  }
  if (!encoder.empty()) {
    pass_on();
  }
}

void Endpoint::check_idle() {
  const std::lock_guard lock(idle_mutex_);
  is_idle_ = sender_->is_idle();
  idle_changed_.notify_all();
}

bool Endpoint::drain(milliseconds timeout) {
  {
    const std::lock_guard lock(mutex_);
    lanes_.cut_all();
  }
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

}  // namespace heapwatch::exporters::remote_write
