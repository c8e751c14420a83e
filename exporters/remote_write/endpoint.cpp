#include "exporters/remote_write/endpoint.h"

#include <algorithm>
#include <span>
#include <utility>

#include "exporters/remote_write/protocol.h"

namespace heapwatch::exporters::remote_write {

namespace {

using std::chrono::milliseconds;

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

}  // namespace

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
              .percentiles = values_.percentiles(),
              .relabel = options_.relabel}),
      lanes_({.lanes_max = options_.receiver.lanes,
              .samples_max = options_.receiver.samples_max,
              .version = options_.version,
              .pass = [this](Batch batch) { outlet_->pass(std::move(batch)); },
              .begin = [this] { cut_in_time(); }}) {}

base::Result<std::unique_ptr<Endpoint>> Endpoint::start(EndpointOptions options,
                                                        const CommonOptions& common) {
  auto endpoint = std::unique_ptr<Endpoint>(new Endpoint(std::move(options), common));
  Endpoint& self = *endpoint;
  auto outlet =
      push::Outlet::start(endpoint->options_.receiver,
                          {.protocol = &protocol,
                           .version = endpoint->options_.version,
                           .clock = common.clock,
                           .on_version = [&self](Version version) { self.speak(version); }});
  if (!outlet) {
    return tl::unexpected(outlet.error());
  }
  endpoint->outlet_ = std::move(*outlet);
  endpoint->outlet_->after(milliseconds{0}, [&self] { self.send_metadata(); });
  return endpoint;
}

Endpoint::~Endpoint() {
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, instance] : by_id_) {
      instance->coming.reset();
    }
    if (outlet_) {
      lanes_.cut_all();
    }
  }
  if (outlet_) {
    outlet_->stop();
  }
}

void Endpoint::speak(Version version) {
  lanes_.speak(version);
}

/// All messages that have samples are sent after the deadline. Called under the lock.
void Endpoint::cut_in_time() {
  outlet_->after(options_.receiver.deadline, [this] {
    const std::lock_guard lock(mutex_);
    lanes_.cut_in_time();
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
  outlet_->shared_figures().update([&](Figures& figures) {
    figures.dropped_duplicate = counts.duplicates;
    figures.dropped_type = counts.type_conflicts;
  });
}

Figures Endpoint::figures() const {
  return outlet_->figures();
}

/// In messages of its own, as Prometheus sends it. Not while a receiver is behind: it is sent again
/// anyway. Version 2.0 has it with the samples.
void Endpoint::send_metadata() {
  if (!options_.metadata) {
    return;
  }
  constexpr std::size_t in_message = 500;
  outlet_->after(options_.metadata_interval, [this] { send_metadata(); });
  if (lanes_.version() != Version::v1 || !outlet_->is_idle()) {
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
    outlet_->pass(std::move(batch));
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

bool Endpoint::drain(milliseconds timeout) {
  {
    const std::lock_guard lock(mutex_);
    lanes_.cut_all();
  }
  return outlet_->drain(timeout);
}

}  // namespace heapwatch::exporters::remote_write
