#include "check/go_expvar/page_collector.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "base/beginning.h"
#include "base/counted.h"
#include "base/log.h"
#include "check/go_expvar/name.h"
#include "check/go_expvar/page_warnings.h"
#include "expvar/missing_paths.h"
#include "expvar/page_root.h"
#include "expvar/page_walker.h"

namespace heapwatch::check::go_expvar {

namespace {

using metrics::MetricType;

constexpr std::size_t collision_warnings_max = 10;
/// After a larger page a thread gives the buffers back.
constexpr std::size_t kept_page_bytes_max = std::size_t{1} * 1024 * 1024;

bool is_total(MetricType type) {
  return type == MetricType::rate || type == MetricType::count || type == MetricType::counter ||
         type == MetricType::monotonic_counter;
}

}  // namespace

/// What a run needs and no later one: buffers, whose memory stays.
struct PageCollector::Workspace {
  expvar::PageWalker walker;
  expvar::PageWalker missing_walker;
  expvar::PageMatches matches;
  SeriesCache::Buffers series;
  PauseRing ring;
  std::string logged_key;
};

/// Has the thread give back the buffers after a large page, also when there was no memory for it.
class PageCollector::GivesBack {
 public:
  GivesBack(Workspace& workspace, std::size_t page_bytes)
      : workspace_(workspace), is_large_(page_bytes > kept_page_bytes_max) {}
  GivesBack(const GivesBack&) = delete;
  GivesBack& operator=(const GivesBack&) = delete;
  ~GivesBack() {
    if (is_large_) {
      std::destroy_at(&workspace_);
      std::construct_at(&workspace_);
    }
  }

 private:
  Workspace& workspace_;
  bool is_large_;
};

/// The variables that were logged, with the run that last had them.
///
/// What was not there for `runs_to_forget` runs is forgotten, which bounds it to the variables of
/// so many runs.
class PageCollector::Logged {
 public:
  void begin_run() {
    if (++run_ % runs_to_forget == 0) {
      std::erase_if(logged_, [&](const auto& item) { return item.second + runs_to_forget < run_; });
    }
  }
  /// False when it is logged already.
  bool is_new(std::string_view variable) {
    const auto found = logged_.find(variable);
    if (found == logged_.end()) {
      logged_.emplace(variable, run_);
    } else {
      found->second = run_;
    }
    return found == logged_.end();
  }

 private:
  static constexpr std::uint64_t runs_to_forget = 8;

  std::map<std::string, std::uint64_t, std::less<>> logged_;
  std::uint64_t run_ = 0;
};

/// One run: the samples of a page that has been walked, and what there is to say of it.
class PageCollector::Run {
 public:
  Run(PageCollector& collector, Workspace& workspace, std::string_view page,
      metrics::SampleSink& sink)
      : c_(collector),
        w_(workspace),
        page_(page),
        sink_(sink),
        series_(collector.series_,
                {.plan = *collector.plan_,
                 .tags_and_host = collector.tags_and_host_,
                 .allows = collector.allows_},
                workspace.series) {
    if (c_.logged_) {
      c_.logged_->begin_run();
    }
  }

  RunReport collect() {
    report_.body_bytes = page_.size();
    warn_of_members(w_.matches, page_, report_);
    if (c_.plan_->memstats) {
      pauses();
    }
    const std::size_t listed = c_.plan_->listed_count;
    for (std::size_t i = 0; i < listed; ++i) {
      entry(i, static_cast<expvar::WantedIndex>(i));
    }
    if (c_.plan_->plan.has_auto()) {
      entry(listed, c_.plan_->plan.wanted_numbers());
    }
    if (c_.go_collector_) {
      const expvar::Match* const pauses = w_.matches.first(c_.plan_->runtime.pauses);
      c_.go_collector_->submit(w_.matches, c_.plan_->runtime.go_collector,
                               {.collections = number(c_.plan_->runtime.collections),
                                .pause_total = number(c_.plan_->runtime.pause_total),
                                .pauses = pauses == nullptr ? "" : text_of(*pauses)},
                               sink_);
    }
    if (c_.plan_->memstats) {
      if (auto what = missing_defaults(*c_.plan_, w_.matches); !what.empty()) {
        warn(std::move(what));
      }
    }
    missing();
    if (limited_ > 0) {
      report_.dropped["limit"] = limited_;
      warn("max_returned_metrics is " + std::to_string(c_.plan_->max_returned_metrics) + ", and " +
           base::counted(sent_ + limited_, "metric was", "metrics were") +
           " found: those from path " + first_limited_ +
           " on are held back; raise the limit or narrow the paths");
    }
    if (collisions_ > 0) {
      report_.dropped["collision"] = collisions_;
    }
    return std::move(report_);
  }

 private:
  void warn(std::string text) { report_.warnings.push_back(std::move(text)); }

  [[nodiscard]] std::string_view text_of(const expvar::Match& match) const {
    return w_.walker.text().substr(match.begin, match.end - match.begin);
  }

  [[nodiscard]] std::optional<base::Number> number(expvar::WantedIndex wanted) const {
    const expvar::Match* match = w_.matches.first(wanted);
    return match != nullptr ? match->number : std::nullopt;
  }

  void pauses() {
    const auto collections = number(c_.plan_->runtime.collections);
    const auto count = collections ? collections->to_uint64() : std::nullopt;
    if (!count) {
      return;
    }
    const auto slots =
        c_.pauses_->seen.advance({.collections = *count,
                                  .pause_total = number(c_.plan_->runtime.pause_total),
                                  .total_alloc = number(c_.plan_->runtime.total_alloc)});
    if (*count == 0 || !c_.pauses_->context || (slots.empty() && !c_.pauses_->are_wrong)) {
      return;
    }
    const expvar::Match* const match = w_.matches.first(c_.plan_->runtime.pauses);
    c_.pauses_->are_wrong = match == nullptr || !read_pauses(text_of(*match), w_.ring);
    if (c_.pauses_->are_wrong) {
      warn(match == nullptr
               ? "memstats has no PauseNs: pauses of the garbage collector are not reported"
               : "memstats/PauseNs does not hold " + std::to_string(pause_slots) +
                     " numbers: pauses of the garbage collector are not reported");
      return;
    }
    for (const std::uint32_t slot : slots) {
      if (w_.ring.at(slot).is_finite()) {
        sink_.submit(metrics::Sample{.context = c_.pauses_->context,
                                     .type = MetricType::histogram,
                                     .value = w_.ring.at(slot)});
      }
    }
  }

  void entry(std::size_t index, expvar::WantedIndex wanted) {
    std::size_t kept = 0;
    w_.matches.for_each(wanted, [&](const expvar::Match& match) {
      if (match.number) {
        ++kept;
        value(index, match);
      } else {
        unreportable(index, match);
      }
    });
    const std::size_t seen = w_.matches.of(wanted).numbers;
    if (seen > kept && kept >= c_.plan_->max_returned_metrics) {
      hold_back(seen - kept, c_.plan_->entries[index].path.text());
    }
  }

  void hold_back(std::size_t count, const std::string& path) {
    if (limited_ == 0) {
      first_limited_ = path;
    }
    limited_ += count;
  }

  void value(std::size_t index, const expvar::Match& match) {
    const expvar::KeyPath path = w_.matches.path(match);
    if (sent_ >= c_.plan_->max_returned_metrics) {
      hold_back(1, limited_ == 0 ? base::beginning(path.text()) : "");
      return;
    }
    const std::optional<SeriesCache::Run::Taken> found = series_.take(index, path);
    if (!found) {
      ++report_.dropped["process_bytes"];
      return;
    }
    const SeriesCache::Run::Taken& taken = *found;
    if (taken.before != nullptr) {
      collision(taken, index, path);
      return;
    }
    const MetricEntry& entry = c_.plan_->entries[index];
    submit({.metric_name = taken.variable.metric_name(),
            .tags_and_host = taken.tags_and_host,
            .type = entry.type,
            .is_allowed = taken.is_allowed},
           *match.number, entry.flush_first_value);
    if (taken.has_increase) {
      submit({.metric_name = taken.variable.increase(),
              .tags_and_host = taken.tags_and_host,
              .type = MetricType::monotonic_counter,
              .is_allowed = taken.is_increase_allowed},
             *match.number, entry.flush_first_value);
    }
  }

  struct Submission {
    const base::Interned<metrics::MetricName>& metric_name;
    const base::Interned<metrics::TagsAndHost>& tags_and_host;
    MetricType type;
    bool is_allowed;
  };
  void submit(const Submission& series, const base::Number& number, bool flush_first_value) {
    ++sent_;
    if (!series.is_allowed) {
      ++report_.dropped["metric_patterns"];
    } else if (!number.is_finite()) {
      ++report_.dropped["not_finite"];
    } else {
      context_.assign(series.metric_name, series.tags_and_host);
      sink_.submit(metrics::Sample{.context = context_,
                                   .type = series.type,
                                   .value = number,
                                   .value_is_total = is_total(series.type),
                                   .flush_first_value = flush_first_value && c_.has_run_});
    }
  }

  void collision(const SeriesCache::Run::Taken& taken, std::size_t index,
                 const expvar::KeyPath& path) {
    if (++collisions_ > collision_warnings_max) {
      return;
    }
    warn(collision_text(*c_.plan_, *taken.before, {index, path},
                        taken.variable.metric_name()->name()));
  }

  void unreportable(std::size_t index, const expvar::Match& match) {
    const expvar::KeyPath path = w_.matches.path(match);
    if (!c_.logged_) {
      c_.logged_ = std::make_unique<Logged>();
    }
    w_.logged_key.assign(std::to_string(index)).append(1, ' ').append(path.bytes());
    if (!c_.logged_->is_new(w_.logged_key)) {
      return;
    }
    const std::string text = base::beginning(path.text());
    base::log(text == "memstats" ? base::LogLevel::debug : base::LogLevel::warn,
              c_.target_ + ": " + no_number_text(text, match.kind, w_.matches.invalid_members > 0));
  }

  void missing() {
    std::vector<const expvar::Path*> paths;
    const std::size_t user_end = c_.plan_->listed_count;
    for (std::size_t i = c_.plan_->default_count; i < user_end; ++i) {
      if (w_.matches.first(static_cast<expvar::WantedIndex>(i)) == nullptr) {
        paths.push_back(&c_.plan_->entries[i].path);
      }
    }
    if (!paths.empty()) {
      for (std::string& text : expvar::explain_missing(page_, paths, w_.missing_walker)) {
        warn(std::move(text));
      }
    }
  }

  PageCollector& c_;
  Workspace& w_;
  std::string_view page_;
  metrics::SampleSink& sink_;
  SeriesCache::Run series_;
  metrics::Context context_;  // of the sample that is on its way
  RunReport report_;
  std::size_t sent_ = 0;
  std::size_t limited_ = 0;
  std::string first_limited_;
  std::uint64_t collisions_ = 0;
};

PageCollector::PageCollector(CollectorOptions options)
    : plan_(shared_page_plan({.metrics = std::move(options.metrics),
                              .everything = std::move(options.everything),
                              .prefix = std::move(options.prefix),
                              .naming = options.naming,
                              .memstats = options.memstats,
                              .go_collector_names = options.go_collector_names,
                              .max_returned_metrics = options.max_returned_metrics})),
      allows_(std::move(options.allows)),
      target_(std::move(options.target)) {
  if (plan_->go_collector_names) {
    go_collector_ = std::make_unique<GoCollector>(GoCollector::Options{
        .tags = options.tags, .host = options.host, .target = target_, .allows = allows_});
  }
  tags_and_host_ = base::Interned(metrics::TagsAndHost(std::move(options.tags), options.host));
  if (!plan_->memstats) {
    return;
  }
  pauses_ = std::make_unique<Pauses>();
  std::string name = normalize("memstats.pause_ns", plan_->prefix);
  if (allows_(name)) {
    pauses_->context = metrics::Context(
        base::Interned(metrics::MetricName(std::move(name), "expvar path memstats/PauseNs",
                                           plan_->default_audience())),
        tags_and_host_);
  }
}

PageCollector::PageCollector(PageCollector&&) noexcept = default;
PageCollector& PageCollector::operator=(PageCollector&&) noexcept = default;
PageCollector::~PageCollector() = default;

PageCollector::Workspace& PageCollector::workspace() {
  // Instances by the thousand take turns on a thread, and none keeps a page or its matches. Not in
  // the thread's own block: a library that is loaded late, as our plugin is by other hosts, has
  // some hundred bytes of that.
  thread_local const auto of_thread = std::make_unique<Workspace>();
  return *of_thread;
}

base::Result<RunReport> PageCollector::collect(std::string_view page, metrics::SampleSink& sink) {
  Workspace& w = workspace();
  const GivesBack afterwards(w, page.size());
  auto walked = w.walker.walk(plan_->plan, page, w.matches);
  if (auto wrong = walked ? expvar::foreign_page(plan_->plan, page, w.matches) : std::nullopt) {
    walked = base::fail(base::ErrorKind::invalid, *std::move(wrong));
  }
  auto outcome = walked ? base::Result<RunReport>(Run(*this, w, page, sink).collect())
                        : tl::unexpected(walked.error());
  has_run_ = has_run_ || walked;
  return outcome;
}

std::shared_ptr<CondensedBody> PageCollector::condenser() const {
  const std::shared_ptr<const expvar::Plan> plan(plan_, &plan_->plan);
  return plan->has_auto() ? nullptr : std::make_shared<CondensedBody>(plan);
}

std::optional<RunReport> PageCollector::collect_condensed(std::string_view kept,
                                                          std::size_t page_bytes,
                                                          metrics::SampleSink& sink) {
  Workspace& w = workspace();
  const GivesBack afterwards(w, kept.size());
  std::optional<RunReport> report;
  if (page_bytes <= expvar::page_bytes_max &&
      w.walker.walk_condensed(plan_->plan, kept, w.matches) &&
      !expvar::foreign_page(plan_->plan, kept, w.matches)) {
    report = Run(*this, w, kept, sink).collect();
    report->body_bytes = page_bytes;
    has_run_ = true;
  }
  return report;
}

}  // namespace heapwatch::check::go_expvar
