#include "exporters/prometheus/exporter.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <new>
#include <optional>
#include <shared_mutex>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "exporters/losses.h"
#include "exporters/prometheus/self_metrics.h"
#include "exporters/prometheus/series_group.h"
#include "exporters/prometheus/series_page.h"
#include "exporters/prometheus/shown.h"
#include "exporters/prometheus/target_metrics.h"

namespace heapwatch::exporters::prometheus {

namespace {

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

}  // namespace

struct PrometheusExporter::State {
  explicit State(const PrometheusOptions& options)
      : self(options.self),
        collectables(with_self(options.collectables, options.self)),
        values(options.histogram),
        shared(values.percentiles(), options.suffixes, valid_labels(options.constant_labels),
               Drops(options.self)) {}

  void show_series(InstanceSeries& shown, const metrics::Snapshot& snapshot) {
    SeriesGroup::Run run(shown.series, shared);
    for (const metrics::Series& series : series_of(snapshot)) {
      if (is_shown(series)) {
        run.put(series.context, family_type(series), values.of(series));
      }
    }
    run.end();
  }

  InstanceSeries& instance_series_of(const metrics::Snapshot& snapshot) {
    auto found = by_id.find(snapshot.instance->id);
    if (found == by_id.end()) {
      found = by_id.try_emplace(snapshot.instance->id, snapshot.instance).first;
    }
    found->second.coming.reset();  // what was begun and not ended
    return found->second;
  }

  /// Takes what the page shows of the instance off it: there is no memory for its run.
  void lose(const metrics::Snapshot& snapshot) noexcept {
    losses.add(*snapshot.instance);
    const auto found = by_id.find(snapshot.instance->id);
    if (found == by_id.end()) {
      return;
    }
    InstanceSeries& shown = found->second;
    shown.coming.reset();
    shown.series.remove_all(shared);
    shown.service_checks.remove_all(shared);
    shown.about.remove_all(shared);
    try {
      metrics::Snapshot failed;
      failed.instance = snapshot.instance;
      failed.time = snapshot.time;
      failed.duration = snapshot.duration;
      failed.failed_runs = snapshot.failed_runs + (snapshot.error ? 0 : 1);
      failed.error = base::Error{base::ErrorKind::limit, {}};
      shown.about.show(shared, failed);
    } catch (const std::bad_alloc&) {
      shown.about.remove_all(shared);
    }
  }

  void show_service_checks(InstanceSeries& shown, const metrics::Snapshot& snapshot) {
    SeriesGroup::Run run(shown.service_checks, shared);
    for_each_service_check(snapshot,
                           [&](const metrics::Context& context, const base::Number& status) {
                             run.put(context, FamilyType::gauge, {&status, 1});
                           });
    run.end();
  }

  const std::shared_ptr<SelfMetrics> self;
  const Collectables collectables;

  mutable std::shared_mutex mutex;  // over all that follows
  ShownValues values;
  SharedPage shared;
  std::unordered_map<std::string_view, InstanceSeries> by_id;  // by Instance::id

  mutable std::array<std::atomic<std::size_t>, 2> last_size{};  // of the page, by format
  Losses losses{"the metrics page"};
};

PrometheusExporter::PrometheusExporter(const PrometheusOptions& options)
    : state_(std::make_unique<State>(options)) {}

PrometheusExporter::~PrometheusExporter() = default;

base::Result<void> PrometheusExporter::publish(const metrics::Snapshot& snapshot) {
  const std::unique_lock lock(state_->mutex);
  try {
    InstanceSeries& shown = state_->instance_series_of(snapshot);
    shown.about.show(state_->shared, snapshot);
    state_->show_series(shown, snapshot);
    state_->show_service_checks(shown, snapshot);
  } catch (const std::bad_alloc&) {
    state_->lose(snapshot);
  }
  return {};
}

/// The passes of a SeriesGroup::Run, a little of one at a time.
class PrometheusExporter::Slices final : public Publication {
 public:
  Slices(State& state, const metrics::Snapshot& snapshot)
      : state_(state), snapshot_(snapshot), series_(series_of(snapshot)) {
    const std::unique_lock lock(state_.mutex);
    InstanceSeries& shown = state_.instance_series_of(snapshot_);
    shown.coming.emplace(shown.series, state_.shared);
  }

  bool advance() override {
    const std::unique_lock lock(state_.mutex);
    const auto found = state_.by_id.find(snapshot_.instance->id);
    if (found == state_.by_id.end() || !found->second.coming) {
      return false;  // forgotten meanwhile
    }
    try {
      return advance(found->second);
    } catch (const std::bad_alloc&) {
      state_.lose(snapshot_);
      return false;
    }
  }

 private:
  static constexpr std::size_t in_slice = 128;
  enum class Pass : std::uint8_t { place, show, hide, settle };

  bool advance(InstanceSeries& shown) {
    SeriesGroup::Run& run = *shown.coming;
    switch (pass_) {
      case Pass::place:
        if (!for_some([&](const metrics::Series& series) {
              run.place(series.context, family_type(series));
            })) {
          run.prepare();
          enter(Pass::show);
        }
        return true;
      case Pass::show:
        if (!for_some([&](const metrics::Series& series) {
              run.show_later(series.context, family_type(series), state_.values.of(series));
            })) {
          enter(Pass::hide);
        }
        return true;
      case Pass::hide:
        if (!run.hide_later(in_slice)) {
          run.change();
          shown.about.show(state_.shared, snapshot_);
          state_.show_service_checks(shown, snapshot_);
          enter(Pass::settle);
        }
        return true;
      case Pass::settle:
        break;
    }
    if (run.settle(in_slice)) {
      return true;
    }
    shown.coming.reset();
    return false;
  }

  void enter(Pass pass) {
    pass_ = pass;
    next_ = 0;
  }

  /// Of those that are for the page; false when there are no more.
  template <typename Use>
  bool for_some(const Use& use) {
    const std::size_t end = std::min(next_ + in_slice, series_.size());
    for (; next_ < end; ++next_) {
      if (is_shown(series_[next_])) {
        use(series_[next_]);
      }
    }
    return next_ < series_.size();
  }

  State& state_;
  const metrics::Snapshot& snapshot_;
  std::span<const metrics::Series> series_;
  Pass pass_ = Pass::place;
  std::size_t next_ = 0;
};

std::unique_ptr<Publication> PrometheusExporter::begin(const metrics::Snapshot& snapshot) {
  try {
    return std::make_unique<Slices>(*state_, snapshot);
  } catch (const std::bad_alloc&) {
    const std::unique_lock lock(state_->mutex);
    state_->lose(snapshot);
    return nullptr;
  }
}

std::uint64_t PrometheusExporter::lost() const {
  return state_->losses.count();
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
