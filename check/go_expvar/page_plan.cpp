#include "check/go_expvar/page_plan.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "check/go_expvar/go_collector.h"

namespace heapwatch::check::go_expvar {

namespace {

// Values that are no numbers are only spoken of in the log.
constexpr std::size_t others_max = 16;
constexpr unsigned rank_of_default = 1;
constexpr unsigned rank_of_alias = 1;  // stands beside a default
constexpr unsigned rank_of_user = 2;   // takes the place of a default

std::uint64_t next_number() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

expvar::Path literal(std::string_view text) {
  return *expvar::parse_path(text);
}

/// The defaults for whose very path the user has no entry.
std::vector<MetricEntry> defaults_beside(const std::vector<MetricEntry>& user) {
  std::vector<MetricEntry> entries = default_entries();
  std::erase_if(entries, [&](const MetricEntry& entry) {
    return std::any_of(user.begin(), user.end(), [&](const MetricEntry& own) {
      return own.path.text() == entry.path.text();
    });
  });
  return entries;
}

/// Text that is equal for equal options only: every part stands behind its size.
class Identity {
 public:
  explicit Identity(const PagePlanOptions& options) {
    add(options.prefix.has_value());
    add(options.prefix.value_or(std::string()));
    add(static_cast<std::size_t>(options.naming));
    add(options.memstats);
    add(options.go_collector_names);
    add(options.max_returned_metrics);
    add(options.metrics.size());
    for (const MetricEntry& entry : options.metrics) {
      add(entry.path);
      add(static_cast<std::size_t>(entry.type));
      add(entry.alias.has_value());
      add(entry.alias.value_or(std::string()));
      add(entry.tags.size());
      for (const std::string& tag : entry.tags) {
        add(tag);
      }
      add(entry.suffix);
      add(entry.flush_first_value);
    }
    add(options.everything.has_value());
    if (options.everything) {
      for (const std::vector<expvar::Path>* const paths :
           {&options.everything->include, &options.everything->exclude}) {
        add(paths->size());
        for (const expvar::Path& path : *paths) {
          add(path);
        }
      }
    }
  }

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void add(std::size_t number) { text_.append(std::to_string(number)).append(1, ':'); }
  void add(const std::string& text) {
    add(text.size());
    text_.append(text);
  }
  void add(const expvar::Path& path) {
    add(path.segments.size());
    for (const expvar::Segment& segment : path.segments) {
      add(segment.text());
    }
  }

  std::string text_;
};

/// The plans that somebody has, by the identity of their options.
class Plans {
 public:
  std::shared_ptr<const PagePlan> plan(PagePlanOptions options) {
    std::string identity = Identity(options).take();
    const std::lock_guard lock(mutex_);
    if (const auto found = plans_.find(identity); found != plans_.end()) {
      if (auto known = found->second.lock()) {
        return known;
      }
    }
    if (plans_.size() >= sweep_at_) {
      std::erase_if(plans_, [](const auto& item) { return item.second.expired(); });
      sweep_at_ = std::max(sweep_at_min, 2 * plans_.size());
    }
    auto made = std::make_shared<const PagePlan>(std::move(options));
    plans_.insert_or_assign(std::move(identity), made);
    return made;
  }

 private:
  static constexpr std::size_t sweep_at_min = 64;

  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<const PagePlan>> plans_;
  std::size_t sweep_at_ = sweep_at_min;
};

}  // namespace

expvar::Plan PagePlan::make_plan(PagePlanOptions options) {
  if (options.memstats) {
    entries = defaults_beside(options.metrics);
  }
  default_count = entries.size();
  entries.insert(entries.end(), std::make_move_iterator(options.metrics.begin()),
                 std::make_move_iterator(options.metrics.end()));
  listed_count = entries.size();
  // One more than may go out, so that a warning can name the first that does not.
  const std::size_t numbers_max = options.max_returned_metrics + 1;
  std::vector<expvar::WantedPath> wanted;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const bool is_default = i < default_count;
    wanted.push_back({.path = entries[i].path,
                      .numbers_max = numbers_max,
                      .others_max = others_max,
                      .rank = is_default         ? rank_of_default
                              : entries[i].alias ? rank_of_alias
                                                 : rank_of_user,
                      .yields = is_default});
  }
  const auto also = [&](std::string_view path, std::size_t most) {
    wanted.push_back({.path = literal(path), .numbers_max = most, .others_max = 1});
    return static_cast<expvar::WantedIndex>(wanted.size() - 1);
  };
  runtime = {.memstats = also("memstats", 1),
             .collections = also("memstats/NumGC", 1),
             .pause_total = also("memstats/PauseTotalNs", 1),
             .total_alloc = also("memstats/TotalAlloc", 1),
             .pauses = also("memstats/PauseNs", 1)};
  wanted.back().whole = true;
  runtime.go_collector = wanted.size();
  if (options.go_collector_names) {
    for (expvar::WantedPath& path : GoCollector::wanted_paths()) {
      wanted.push_back(std::move(path));
    }
  }
  if (!options.everything) {
    return expvar::Plan(std::move(wanted));
  }
  entries.emplace_back();
  expvar::WantedNumbers everything{.include = options.everything->include,
                                   .exclude = options.everything->exclude,
                                   .numbers_max = numbers_max};
  for (const std::string_view path :
       {"cmdline", "memstats/PauseNs", "memstats/PauseEnd", "memstats/BySize"}) {
    everything.exclude.push_back(literal(path));
  }
  return {std::move(wanted), everything};
}

PagePlan::PagePlan(PagePlanOptions options)
    : number(next_number()),
      prefix(std::move(options.prefix)),
      naming(options.naming),
      memstats(options.memstats),
      go_collector_names(options.go_collector_names),
      max_returned_metrics(options.max_returned_metrics),
      plan(make_plan(std::move(options))) {}

std::shared_ptr<const PagePlan> shared_page_plan(PagePlanOptions options) {
  static Plans plans;
  return plans.plan(std::move(options));
}

}  // namespace heapwatch::check::go_expvar
