#include "exporters/prometheus/exporter.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "exporters/prometheus/self_metrics.h"
#include "exporters/prometheus/series_group.h"
#include "exporters/prometheus/series_page.h"
#include "exporters/prometheus/target_metrics.h"

namespace heapwatch::exporters::prometheus {

namespace {

using base::Number;
using metrics::MetricType;

/// The quantiles of a summary as the percentiles that aggregate() knows.
std::vector<int> summary_percentiles(const metrics::HistogramOptions& options) {
  std::vector<int> percentiles = options.percentiles;
  const auto add_if_named = [&](const char* name, int percent) {
    if (std::find(options.aggregates.begin(), options.aggregates.end(), name) !=
        options.aggregates.end()) {
      percentiles.push_back(percent);
    }
  };
  add_if_named("min", 0);
  add_if_named("median", 50);
  add_if_named("max", 100);
  std::sort(percentiles.begin(), percentiles.end());
  percentiles.erase(std::unique(percentiles.begin(), percentiles.end()), percentiles.end());
  return percentiles;
}

FamilyType family_type(MetricType type) {
  switch (type) {
    case MetricType::gauge:
    case MetricType::set:
      return FamilyType::gauge;
    case MetricType::histogram:
    case MetricType::historate:
      return FamilyType::summary;
    default:
      return FamilyType::counter;
  }
}

/// Go's client has a gauge and a counter of this name.
constexpr std::string_view beside_a_gauge = "go_memstats_alloc_bytes_total";

FamilyType family_type(const metrics::Series& series) {
  if (series.quartiles) {
    return FamilyType::quartiles;
  }
  return series.context.name() == beside_a_gauge ? FamilyType::lone_total
                                                 : family_type(series.type);
}

Labels valid_labels(const Labels& labels) {
  Labels valid;
  for (const auto& [name, value] : labels) {
    valid.emplace(label_name(name), value);
  }
  return valid;
}

Collectables with_self(Collectables collectables, const std::shared_ptr<SelfMetrics>& self) {
  if (self) {
    collectables.insert(collectables.begin(), self);
  }
  return collectables;
}

struct InstanceSeries {
  explicit InstanceSeries(metrics::InstancePtr of) : instance(std::move(of)), about(*instance) {}

  metrics::InstancePtr instance;  // whose id is the key
  TargetMetrics about;
  SeriesGroup series;
  SeriesGroup service_checks;
  std::optional<SeriesGroup::Run> coming;  // of `series`, published in slices
};

bool is_for_the_page(const metrics::Series& series) {
  return series.context.audience() != metrics::Audience::datadog &&
         (series.quartiles || series.distribution || series.total || series.value);
}

}  // namespace

struct PrometheusExporter::State {
  explicit State(const PrometheusOptions& options)
      : self(options.self),
        collectables(with_self(options.collectables, options.self)),
        shared(summary_percentiles(options.histogram), options.suffixes,
               valid_labels(options.constant_labels), Drops(options.self)) {
    summary_options.aggregates.clear();
    const auto percentiles = shared.page.percentiles();
    summary_options.percentiles.assign(percentiles.begin(), percentiles.end());
  }

  void show_series(InstanceSeries& shown, const metrics::Snapshot& snapshot) {
    SeriesGroup::Run run(shown.series, shared);
    if (snapshot.error) {
      return;
    }
    for (const metrics::Series& series : snapshot.series) {
      if (is_for_the_page(series)) {
        read_values(series);
        run.put(series.context, family_type(series), values);
      }
    }
  }

  InstanceSeries& series_of(const metrics::Snapshot& snapshot) {
    auto found = by_id.find(snapshot.instance->id);
    if (found == by_id.end()) {
      found = by_id.try_emplace(snapshot.instance->id, snapshot.instance).first;
    }
    found->second.coming.reset();  // what was begun and not ended
    return found->second;
  }

  /// All that has been placed, at once.
  void show_coming(InstanceSeries& shown, const metrics::Snapshot& snapshot) {
    for (const metrics::Series& series : snapshot.series) {
      if (is_for_the_page(series)) {
        read_values(series);
        shown.coming->show(series.context, family_type(series), values);
      }
    }
    shown.coming.reset();
    shown.about.show(shared, snapshot);
    show_service_checks(shown, snapshot);
  }

  /// Fills `values` with those of a series that is for the page.
  void read_values(const metrics::Series& series) {
    values.clear();
    if (series.quartiles) {
      const metrics::Quartiles& quartiles = *series.quartiles;
      values.assign(quartiles.values.begin(), quartiles.values.end());
      values.push_back(quartiles.sum);
      values.push_back(quartiles.count);
      return;
    }
    if (!series.distribution) {
      values.push_back(series.total ? *series.total : *series.value);
      return;
    }
    for (const auto& aggregate : metrics::aggregate(series.distribution->run, summary_options)) {
      values.push_back(aggregate.value);
    }
    values.resize(summary_options.percentiles.size(),
                  Number::of(std::numeric_limits<double>::quiet_NaN()));
    values.push_back(Number::of(series.distribution->sum));
    values.push_back(Number::of(series.distribution->count));
  }

  void show_service_checks(InstanceSeries& shown, const metrics::Snapshot& snapshot) {
    SeriesGroup::Run run(shown.service_checks, shared);
    for (const metrics::ServiceCheck& check : snapshot.service_checks) {
      metrics::Tags tags = check.tags;
      tags.push_back("service_check:" + check.name);
      tags.push_back("check_id:" + snapshot.instance->id);
      const auto context = metrics::make_context(
          {.name = "heapwatch_service_check",
           .tags = std::move(tags),
           .host = check.host,
           .help = "Status of a service check: 0 ok, 1 warning, 2 critical, 3 unknown."});
      const Number status = Number::of(static_cast<unsigned>(check.status));
      run.put(context, FamilyType::gauge, {&status, 1});
    }
  }

  const std::shared_ptr<SelfMetrics> self;
  const Collectables collectables;
  metrics::HistogramOptions summary_options;

  mutable std::shared_mutex mutex;  // over all that follows
  SharedPage shared;
  std::unordered_map<std::string_view, InstanceSeries> by_id;  // Instance::id
  std::vector<Number> values;                                  // of the series being shown

  mutable std::array<std::atomic<std::size_t>, 2> last_size{};  // of the page, by format
};

PrometheusExporter::PrometheusExporter(const PrometheusOptions& options)
    : state_(std::make_unique<State>(options)) {}

PrometheusExporter::~PrometheusExporter() = default;

base::Result<void> PrometheusExporter::publish(const metrics::Snapshot& snapshot) {
  const std::unique_lock lock(state_->mutex);
  InstanceSeries& shown = state_->series_of(snapshot);
  shown.about.show(state_->shared, snapshot);
  state_->show_series(shown, snapshot);
  state_->show_service_checks(shown, snapshot);
  return {};
}

/// Names, labels and rows are made slice by slice; what that leaves to be done at once is to write
/// the values, some fifty nanoseconds for each.
class PrometheusExporter::Slices final : public Publication {
 public:
  Slices(State& state, const metrics::Snapshot& snapshot) : state_(state), snapshot_(snapshot) {
    const std::unique_lock lock(state_.mutex);
    InstanceSeries& shown = state_.series_of(snapshot_);
    shown.coming.emplace(shown.series, state_.shared);
  }

  bool advance() override {
    const std::unique_lock lock(state_.mutex);
    const auto found = state_.by_id.find(snapshot_.instance->id);
    if (found == state_.by_id.end() || !found->second.coming) {
      return false;  // forgotten meanwhile
    }
    InstanceSeries& shown = found->second;
    constexpr std::size_t in_slice = 128;
    const std::size_t end = std::min(next_ + in_slice, snapshot_.series.size());
    for (; next_ < end; ++next_) {
      const metrics::Series& series = snapshot_.series[next_];
      if (is_for_the_page(series)) {
        shown.coming->place(series.context, family_type(series));
      }
    }
    if (next_ < snapshot_.series.size()) {
      return true;
    }
    state_.show_coming(shown, snapshot_);
    return false;
  }

 private:
  State& state_;
  const metrics::Snapshot& snapshot_;
  std::size_t next_ = 0;
};

std::unique_ptr<Publication> PrometheusExporter::begin(const metrics::Snapshot& snapshot) {
  if (snapshot.error) {  // nothing to place
    struct AtOnce final : Publication {
      AtOnce(PrometheusExporter& to, const metrics::Snapshot& of) : exporter(to), snapshot(of) {}
      bool advance() override {
        (void)exporter.publish(snapshot);
        return false;
      }
      PrometheusExporter& exporter;
      const metrics::Snapshot& snapshot;
    };
    return std::make_unique<AtOnce>(*this, snapshot);
  }
  return std::make_unique<Slices>(*state_, snapshot);
}

void PrometheusExporter::forget(const metrics::Instance& instance) {
  const std::unique_lock lock(state_->mutex);
  const auto found = state_->by_id.find(instance.id);
  if (found == state_->by_id.end()) {
    return;
  }
  SharedPage& shared = state_->shared;
  found->second.coming.reset();
  found->second.about.remove_all(shared);
  found->second.series.remove_all(shared);
  found->second.service_checks.remove_all(shared);
  state_->by_id.erase(found);
}

bool PrometheusExporter::tidy() {
  constexpr std::size_t in_slice = 100;
  const std::unique_lock lock(state_->mutex);
  return state_->shared.tidy(in_slice);
}

std::vector<net::Route> PrometheusExporter::pages() const {
  return {{.path = "/metrics",
           .help = "What checks measured, for Prometheus",
           .handler =
               [this](const net::ServerRequest& request) {
                 Page page = render(request.header("accept"));
                 return net::ServerReply{.content_type = std::move(page.content_type),
                                         .body = std::move(page.body)};
               },
           .shared = net::Route::Shared::by_accept}};
}

Page PrometheusExporter::render(std::string_view accept_header) const {
  auto [format, content_type] = negotiate(accept_header);
  Page page{std::move(content_type), {}};
  if (state_->self) {
    state_->self->count_scrape(format);
  }
  auto& last_size = state_->last_size.at(static_cast<std::size_t>(format));
  // A little more than last time, so that the page is not copied while it grows.
  page.body.reserve(last_size + last_size / 16);
  std::vector<std::string> left_out;
  {
    const std::shared_lock lock(state_->mutex);
    state_->shared.page.append(page.body, format);
    left_out = append_collected(page.body, format, state_->collectables, state_->shared.page,
                                state_->shared.constant_labels);
  }
  if (state_->self) {
    for (std::size_t i = 0; i < left_out.size(); ++i) {
      state_->self->count_dropped_series("name_conflict");
    }
  }
  if (format == Format::openmetrics) {
    page.body += "# EOF\n";
  }
  last_size = page.body.size();
  return page;
}

}  // namespace heapwatch::exporters::prometheus
