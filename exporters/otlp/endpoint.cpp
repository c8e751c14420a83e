#include "exporters/otlp/endpoint.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "exporters/otlp/answer.h"

namespace heapwatch::exporters::otlp {

namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::size_t message_bytes = std::size_t{512} * 1024;  // then it is passed on
constexpr std::size_t in_slice = 256;
constexpr std::array<int, 5> quartiles{0, 25, 50, 75, 100};
constexpr std::int64_t ns_in_ms = 1'000'000;

std::int64_t to_ns(base::Instant time) {
  return std::chrono::floor<nanoseconds>(time.wall.time_since_epoch()).count();
}

/// What must not fall while a series counts on.
const base::Number& total_of(prometheus::FamilyType type, std::span<const base::Number> values) {
  const bool is_distribution =
      type == prometheus::FamilyType::summary || type == prometheus::FamilyType::quartiles;
  return is_distribution ? values.back() : values.front();
}

}  // namespace

struct Endpoint::Instance {
  explicit Instance(const metrics::Instance& instance) : about(instance) {}

  prometheus::TargetValues about;
  Starts starts;
};

Endpoint::Endpoint(EndpointOptions options, const CommonOptions& common)
    : options_(std::move(options)),
      clock_(common.clock),
      values_(common.histogram),
      encoder_(options_.source) {}

base::Result<std::unique_ptr<Endpoint>> Endpoint::start(EndpointOptions options,
                                                        const CommonOptions& common) {
  auto endpoint = std::unique_ptr<Endpoint>(new Endpoint(std::move(options), common));
  auto outlet = push::Outlet::start(endpoint->options_.receiver,
                                    {.protocol = &protocol, .clock = common.clock});
  if (!outlet) {
    return tl::unexpected(outlet.error());
  }
  endpoint->outlet_ = std::move(*outlet);
  return endpoint;
}

Endpoint::~Endpoint() {
  if (outlet_) {
    {
      const std::lock_guard lock(mutex_);
      cut();
    }
    outlet_->stop();
  }
}

Endpoint::Instance& Endpoint::instance_of(const metrics::Instance& instance) {
  std::unique_ptr<Instance>& held = by_id_[instance.id];
  if (!held) {
    held = std::make_unique<Instance>(instance);
  }
  return *held;
}

void Endpoint::begin_run(Instance& instance, const metrics::Snapshot& snapshot) {
  const std::int64_t time_ns = to_ns(snapshot.time);
  instance.starts.begin(time_ns);
  const auto put_gauge = [&](const metrics::Context& context, const base::Number& value) {
    put(instance.starts, context, prometheus::FamilyType::gauge, {&value, 1}, time_ns);
  };
  instance.about.for_each(snapshot, put_gauge);
  prometheus::for_each_service_check(snapshot, put_gauge);
}

void Endpoint::put(Starts& starts, const metrics::Context& context, prometheus::FamilyType type,
                   std::span<const base::Number> values, std::int64_t time_ns) {
  const std::int64_t start_ns = starts.put(context, type, total_of(type, values));
  add({.context = context,
       .type = type,
       .values = values,
       .percentiles = type == prometheus::FamilyType::quartiles
                          ? std::span<const int>(quartiles)
                          : std::span<const int>(values_.percentiles()),
       .start_ns = start_ns,
       .time_ns = time_ns});
}

void Endpoint::put_series(Instance& instance, const metrics::Series& series, std::int64_t time_ns) {
  if (prometheus::is_shown(series)) {
    put(instance.starts, series.context, prometheus::family_type(series), values_.of(series),
        time_ns);
  }
}

void Endpoint::end_run(Starts& starts, std::int64_t time_ns) {
  starts.end([&](const metrics::Context& context, prometheus::FamilyType type) {
    add({.context = context, .type = type, .start_ns = time_ns, .time_ns = time_ns});
  });
}

void Endpoint::add(const Point& point) {
  encoder_.add(point);
  counts_.count_sample(point.time_ns / ns_in_ms);
  if (encoder_.points() >= options_.receiver.samples_max || encoder_.bytes() >= message_bytes) {
    cut();
  } else if (!is_timed_) {
    is_timed_ = true;
    outlet_->after(options_.receiver.deadline, [this] {
      const std::lock_guard lock(mutex_);
      is_timed_ = false;
      cut();
    });
  }
}

void Endpoint::cut() {
  if (encoder_.empty()) {
    return;
  }
  push::Batch batch = std::exchange(counts_, {});
  batch.message = encoder_.take();
  outlet_->pass(std::move(batch));
}

void Endpoint::publish(const metrics::Snapshot& snapshot) {
  const std::lock_guard lock(mutex_);
  Instance& instance = instance_of(*snapshot.instance);
  const std::int64_t time_ns = to_ns(snapshot.time);
  begin_run(instance, snapshot);
  for (const metrics::Series& series : prometheus::series_of(snapshot)) {
    put_series(instance, series, time_ns);
  }
  end_run(instance.starts, time_ns);
}

class Endpoint::Slices final : public Publication {
 public:
  Slices(Endpoint& endpoint, const metrics::Snapshot& snapshot)
      : endpoint_(endpoint), snapshot_(snapshot), series_(prometheus::series_of(snapshot)) {
    const std::lock_guard lock(endpoint_.mutex_);
    endpoint_.begin_run(endpoint_.instance_of(*snapshot_.instance), snapshot_);
  }

  bool advance() override {
    const std::lock_guard lock(endpoint_.mutex_);
    const auto found = endpoint_.by_id_.find(snapshot_.instance->id);
    if (found == endpoint_.by_id_.end()) {
      return false;  // forgotten meanwhile
    }
    Instance& instance = *found->second;
    const std::int64_t time_ns = to_ns(snapshot_.time);
    const std::size_t end = std::min(next_ + in_slice, series_.size());
    for (; next_ < end; ++next_) {
      endpoint_.put_series(instance, series_[next_], time_ns);
    }
    if (next_ < series_.size()) {
      return true;
    }
    endpoint_.end_run(instance.starts, time_ns);
    return false;
  }

 private:
  Endpoint& endpoint_;
  const metrics::Snapshot& snapshot_;
  std::span<const metrics::Series> series_;
  std::size_t next_ = 0;
};

std::unique_ptr<Publication> Endpoint::begin(const metrics::Snapshot& snapshot) {
  return std::make_unique<Slices>(*this, snapshot);
}

/// A run without series: all that it had ends.
void Endpoint::forget(const metrics::Instance& instance) {
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(instance.id);
  if (found == by_id_.end()) {
    return;
  }
  const std::int64_t time_ns = to_ns(clock_());
  found->second->starts.begin(time_ns);
  end_run(found->second->starts, time_ns);
  by_id_.erase(found);
}

void Endpoint::publish_own(const std::vector<push::OwnRow>& rows, base::Instant time) {
  const std::lock_guard lock(mutex_);
  const std::int64_t time_ns = to_ns(time);
  own_.begin(time_ns);
  for (const push::OwnRow& row : rows) {
    put(own_, row.context, row.type, {&row.value, 1}, time_ns);
  }
  end_run(own_, time_ns);
}

bool Endpoint::drain(milliseconds timeout) {
  {
    const std::lock_guard lock(mutex_);
    cut();
  }
  return outlet_->drain(timeout);
}

}  // namespace heapwatch::exporters::otlp
