#include "check/go_expvar/page_collector.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"
#include "check/go_expvar/missing_paths.h"
#include "check/go_expvar/name.h"
#include "check/go_expvar/page_walker.h"

namespace heapwatch::check::go_expvar {

namespace {

using metrics::MetricType;

constexpr std::size_t collision_warnings_max = 10;
/// After a larger page a thread gives the buffers back.
constexpr std::size_t kept_page_bytes_max = std::size_t{16} * 1024 * 1024;

bool is_total(MetricType type) {
  return type == MetricType::rate || type == MetricType::count || type == MetricType::counter ||
         type == MetricType::monotonic_counter;
}

/// Adds what the named groups of `pattern` capture to the tags, and returns what they leave of the
/// path, as the bytes of a KeyPath: a step that became a tag is not in the name too.
std::string capture(const Path& pattern, const KeyPath& path, metrics::Tags& tags) {
  std::vector<std::pair<std::string, std::string>> captures;
  std::string remaining;
  const auto keys = path.keys();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::size_t before = captures.size();
    const std::string rest = i < pattern.segments.size()
                                 ? pattern.segments[i].capture(keys[i], captures)
                                 : std::string(keys[i]);
    if (!rest.empty() || captures.size() == before) {
      KeyPath::append(remaining, rest);
    }
  }
  for (const auto& [key, text] : captures) {
    tags.push_back(key);
    tags.back().append(":").append(text);
  }
  return remaining;
}

std::string plural(std::uint64_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

}  // namespace

/// What a run needs and no later one: buffers, whose memory stays.
struct PageCollector::Workspace {
  PageWalker walker;
  PageWalker missing_walker;
  PageMatches matches;
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
        run_(collector.series_.next_run()) {}

  RunReport collect() {
    report_.body_bytes = page_.size();
    if (const auto invalid = w_.matches.invalid_members; invalid > 0) {
      report_.dropped["invalid_json"] = invalid;
      warn(plural(invalid, "member of the page has a value", "members of the page have values") +
           " that JSON does not know and " + (invalid == 1 ? "is" : "are") +
           " left out, the first at " + place_in_page(page_, w_.matches.first_invalid_at));
    }
    if (c_.options_.memstats) {
      pauses();
    }
    const std::size_t listed = c_.plan_->listed_count;
    for (std::size_t i = 0; i < listed; ++i) {
      entry(i, static_cast<TargetIndex>(i));
    }
    if (c_.plan_->plan.has_auto()) {
      entry(listed, c_.plan_->plan.auto_target());
    }
    if (c_.go_collector_) {
      c_.go_collector_->submit(w_.matches, c_.plan_->runtime.go_collector,
                               {.collections = c_.plan_->runtime.collections,
                                .pause_total = c_.plan_->runtime.pause_total,
                                .pause_slots = c_.plan_->runtime.pause_slots},
                               sink_);
    }
    if (c_.options_.memstats) {
      memstats();
    }
    missing();
    if (limited_ > 0) {
      report_.dropped["limit"] = limited_;
      warn("max_returned_metrics is " + std::to_string(c_.options_.max_returned_metrics) +
           ", and " + std::to_string(sent_ + limited_) + " metrics were found: those from path " +
           first_limited_ + " on are held back; raise the limit or narrow the paths");
    }
    if (collisions_ > 0) {
      report_.dropped["collision"] = collisions_;
    }
    return std::move(report_);
  }

 private:
  void warn(std::string text) { report_.warnings.push_back(std::move(text)); }

  [[nodiscard]] std::optional<base::Number> number(TargetIndex target) const {
    const Match* match = w_.matches.first(target);
    return match != nullptr ? match->number : std::nullopt;
  }

  void pauses() {
    const auto collections = number(c_.plan_->runtime.collections);
    const auto count = collections ? collections->to_uint64() : std::nullopt;
    if (!count) {
      return;
    }
    const auto slots = c_.pauses_.advance({.collections = *count,
                                           .pause_total = number(c_.plan_->runtime.pause_total),
                                           .total_alloc = number(c_.plan_->runtime.total_alloc)});
    if (*count == 0 || !c_.pause_context_) {
      return;
    }
    std::array<std::optional<base::Number>, pause_slots> ring;
    std::size_t filled = 0;
    w_.matches.for_each(c_.plan_->runtime.pause_slots, [&](const Match& match) {
      if (match.number && filled < ring.size()) {
        ring[filled++] = match.number;
      }
    });
    const auto& seen = w_.matches.of(c_.plan_->runtime.pause_slots);
    if (seen.numbers != pause_slots || seen.others != 0) {
      warn(w_.matches.first(c_.plan_->runtime.pauses) == nullptr
               ? "memstats has no PauseNs: pauses of the garbage collector are not reported"
               : "memstats/PauseNs does not hold " + std::to_string(pause_slots) +
                     " numbers: pauses of the garbage collector are not reported");
      return;
    }
    for (const std::uint32_t slot : slots) {
      if (ring.at(slot)->is_finite()) {
        sink_.submit(metrics::Sample{
            .context = c_.pause_context_, .type = MetricType::histogram, .value = *ring.at(slot)});
      }
    }
  }

  void entry(std::size_t index, TargetIndex target) {
    std::size_t kept = 0;
    w_.matches.for_each(target, [&](const Match& match) {
      if (match.number) {
        ++kept;
        value(index, match);
      } else {
        unreportable(index, match);
      }
    });
    const std::size_t seen = w_.matches.of(target).numbers;
    if (seen > kept && kept >= c_.options_.max_returned_metrics) {
      hold_back(seen - kept, c_.plan_->entries[index].path.text());
    }
  }

  void hold_back(std::size_t count, const std::string& path) {
    if (limited_ == 0) {
      first_limited_ = path;
    }
    limited_ += count;
  }

  void value(std::size_t index, const Match& match) {
    const KeyPath path = w_.matches.path(match);
    if (sent_ >= c_.options_.max_returned_metrics) {
      hold_back(1, limited_ == 0 ? path.text() : "");
      return;
    }
    Variable& variable = c_.series_.variable(index, path);
    if (!variable.series) {
      make_series(index, variable);
    }
    Series& series = *variable.series;
    if (series.run == run_) {
      collision(series, index, path);
      return;
    }
    series.run = run_;
    series.entry = index;
    series.path = variable.path;
    const MetricEntry& entry = c_.plan_->entries[index];
    submit(series, entry.type, *match.number, entry.flush_first_value);
    if (variable.increase && variable.increase->run != run_) {
      variable.increase->run = run_;
      variable.increase->entry = index;
      variable.increase->path = variable.path;
      submit(*variable.increase, MetricType::monotonic_counter, *match.number,
             entry.flush_first_value);
    }
  }

  void submit(const Series& series, MetricType type, const base::Number& number,
              bool flush_first_value) {
    ++sent_;
    if (!series.allowed) {
      ++report_.dropped["metric_patterns"];
    } else if (!number.is_finite()) {
      ++report_.dropped["not_finite"];
    } else {
      sink_.submit(metrics::Sample{.context = series.context,
                                   .type = type,
                                   .value = number,
                                   .value_is_total = is_total(type),
                                   .flush_first_value = flush_first_value && run_ > 1});
    }
  }

  void make_series(std::size_t index, Variable& variable) {
    const MetricEntry& entry = c_.plan_->entries[index];
    const KeyPath& path = variable.path;
    metrics::Tags tags = entry.tags;
    const std::string remaining = capture(entry.path, path, tags);
    const bool named = entry.alias && !entry.alias->empty();
    const std::string name = named ? *entry.alias
                                   : metric_name(remaining.empty() ? path : KeyPath(remaining),
                                                 c_.options_.prefix, c_.options_.naming) +
                                         entry.suffix;
    tags.insert(tags.end(), c_.options_.tags.begin(), c_.options_.tags.end());
    if (entry.alias) {
      tags.push_back("path:" + path.dotted());
    }
    const std::string help = "expvar path " + path.text();
    const metrics::Audience audience =
        index < c_.plan_->default_count ? c_.default_audience() : metrics::Audience::everyone;
    const auto series = [&](const std::string& of) {
      return c_.series_.series(metrics::make_context({.name = of,
                                                      .tags = tags,
                                                      .host = c_.options_.host,
                                                      .help = help,
                                                      .audience = audience}),
                               c_.options_.allows(of));
    };
    variable.series = series(name);
    if (name.find("memstats.total_alloc") != std::string::npos) {
      variable.increase = series(name + ".count");
    }
  }

  void collision(const Series& series, std::size_t index, const KeyPath& path) {
    if (++collisions_ > collision_warnings_max) {
      return;
    }
    const std::string first = series.path.text();
    const std::string second = path.text();
    const std::string& name = series.context.name();
    if (first == second) {
      warn("path " + first + " is taken as " + name + " by two entries, \"" +
           c_.plan_->entries[series.entry].path.text() + "\" and \"" +
           c_.plan_->entries[index].path.text() + "\"; the first counts, give the other an alias");
    } else {
      warn("paths " + first + " and " + second + " both become " + name +
           "; the first counts, give the other an alias");
    }
  }

  void unreportable(std::size_t index, const Match& match) {
    const KeyPath path = w_.matches.path(match);
    Variable& variable = c_.series_.variable(index, path);
    if (variable.told) {
      return;
    }
    variable.told = true;
    const bool container = match.kind == JsonKind::object || match.kind == JsonKind::array;
    const bool repaired = match.kind == JsonKind::null && w_.matches.invalid_members > 0;
    const std::string text = path.text();
    base::log(text == "memstats" ? base::LogLevel::debug : base::LogLevel::warn,
              c_.options_.target + ": path " + text + " is " +
                  std::string(with_article(match.kind)) +
                  (repaired ? " or a value that JSON does not know" : ", which is no number") +
                  (container ? "; name a path in it" : ""));
  }

  /// What the defaults miss, in one sentence.
  void memstats() {
    const Match* found = w_.matches.first(c_.plan_->runtime.memstats);
    if (found == nullptr || found->kind != JsonKind::object) {
      warn(found == nullptr ? "the page has no memstats: the default metrics are absent"
                            : "memstats is " + std::string(with_article(found->kind)) +
                                  ", not an object: the default metrics are absent");
      return;
    }
    std::string absent;
    for (std::size_t i = 0; i < c_.plan_->default_count; ++i) {
      const auto& path = c_.plan_->entries[i].path;
      const auto& seen = w_.matches.of(static_cast<TargetIndex>(i));
      if (seen.numbers + seen.others == 0 && !taken_by_user(path)) {
        absent += (absent.empty() ? "" : ", ") + path.segments.back().text();
      }
    }
    if (!absent.empty()) {
      warn("memstats has no " + absent + ": these default metrics are absent");
    }
  }

  /// A default yields to an entry of the user whose pattern takes the same variable.
  [[nodiscard]] bool taken_by_user(const Path& path) const {
    for (std::size_t i = c_.plan_->default_count; i < c_.plan_->entries.size(); ++i) {
      const auto& own = c_.plan_->entries[i].path.segments;
      if (own.size() == path.segments.size() && own[0].matches(path.segments[0].text()) &&
          own[1].matches(path.segments[1].text())) {
        return true;
      }
    }
    return false;
  }

  void missing() {
    std::vector<const Path*> paths;
    const std::size_t user_end = c_.plan_->listed_count;
    for (std::size_t i = c_.plan_->default_count; i < user_end; ++i) {
      if (w_.matches.first(static_cast<TargetIndex>(i)) == nullptr) {
        paths.push_back(&c_.plan_->entries[i].path);
      }
    }
    if (!paths.empty()) {
      for (std::string& text : explain_missing(page_, paths, w_.missing_walker)) {
        warn(std::move(text));
      }
    }
  }

  PageCollector& c_;
  Workspace& w_;
  std::string_view page_;
  metrics::SampleSink& sink_;
  std::uint64_t run_;
  RunReport report_;
  std::size_t sent_ = 0;
  std::size_t limited_ = 0;
  std::string first_limited_;
  std::uint64_t collisions_ = 0;
};

PageCollector::PageCollector(CollectorOptions options)
    : options_(std::move(options)),
      plan_(shared_page_plan({.metrics = std::exchange(options_.metrics, {}),
                              .everything = std::exchange(options_.everything, std::nullopt),
                              .memstats = options_.memstats,
                              .go_collector_names = options_.go_collector_names,
                              .max_returned_metrics = options_.max_returned_metrics})) {
  std::string pause_name = normalize("memstats.pause_ns", options_.prefix);
  if (options_.allows(pause_name)) {
    pause_context_ = metrics::make_context({.name = std::move(pause_name),
                                            .tags = options_.tags,
                                            .host = options_.host,
                                            .help = "expvar path memstats/PauseNs",
                                            .audience = default_audience()});
  }
  if (options_.go_collector_names) {
    go_collector_.emplace(GoCollector::Options{.tags = options_.tags,
                                               .host = options_.host,
                                               .target = options_.target,
                                               .allows = options_.allows});
  }
}

base::Result<RunReport> PageCollector::collect(std::string_view page, metrics::SampleSink& sink) {
  // Instances by the thousand take turns on a thread, and none keeps a page or its matches.
  thread_local Workspace workspace;
  const auto walked = workspace.walker.walk(plan_->plan, page, workspace.matches);
  auto outcome = walked ? base::Result<RunReport>(Run(*this, workspace, page, sink).collect())
                        : tl::unexpected(walked.error());
  if (page.size() > kept_page_bytes_max) {
    workspace = {};
  }
  return outcome;
}

}  // namespace heapwatch::check::go_expvar
