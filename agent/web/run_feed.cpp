#include "agent/web/run_feed.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/beginning.h"
#include "history/series_names.h"

namespace heapwatch::agent::web {

namespace {

constexpr std::string_view scraper = "go_expvar";
constexpr std::string_view memstats = "memstats.";
constexpr std::string_view pauses_name = "pause_ns";
constexpr std::size_t errors_max = 2'000;
constexpr std::int64_t quiet_ms = 60'000;

struct KnownVariable {
  std::string_view name;  // behind "memstats."
  std::string_view series;
};
constexpr std::array known_variables{
    KnownVariable{"heap_alloc", history::heap_alloc_series},
    KnownVariable{"heap_sys", history::heap_sys_series},
    KnownVariable{"heap_idle", history::heap_idle_series},
    KnownVariable{"heap_inuse", history::heap_inuse_series},
    KnownVariable{"heap_released", history::heap_released_series},
    KnownVariable{"heap_objects", history::heap_objects_series},
    KnownVariable{"total_alloc", history::total_alloc_series},
};
/// What pages call it; there is no name that all use.
constexpr std::array goroutines{"goroutines", "num_goroutine", "num_goroutines", "numgoroutine"};

/// Behind the last dot.
std::string_view last_part(std::string_view name) {
  return name.substr(name.rfind('.') + 1);
}

/// What stands behind "memstats." in the name of a series of the check, whatever its namespace is;
/// empty where it has no such part.
std::string_view of_memstats(std::string_view name) {
  const std::size_t at = name.rfind(memstats);
  const bool is_part = at != std::string_view::npos && (at == 0 || name[at - 1] == '.');
  return is_part ? name.substr(at + memstats.size()) : std::string_view{};
}

std::optional<std::string_view> series_named(std::string_view name) {
  const std::string_view variable = of_memstats(name);
  for (const KnownVariable& one : known_variables) {
    if (one.name == variable) {
      return one.series;
    }
  }
  const bool is_count =
      std::find(goroutines.begin(), goroutines.end(), last_part(name)) != goroutines.end();
  return is_count ? std::optional(history::goroutines_series) : std::nullopt;
}

std::optional<std::int64_t> whole(const std::optional<base::Number>& value) {
  if (!value || !value->is_finite()) {
    return std::nullopt;
  }
  if (value->is_integer()) {
    return value->to_int64();
  }
  constexpr double most = 9e18;
  const double real = value->to_double();
  return real > -most && real < most ? std::optional(static_cast<std::int64_t>(real))
                                     : std::nullopt;
}

template <typename Value>
void put(history::Reading& reading, std::string_view series, Value value) {
  reading.values.emplace_back(series, static_cast<std::int64_t>(value));
}

}  // namespace

history::LifeInfo RunFeed::life_of_check(const std::string& check) const {
  return {.identity = parts_.process + "/check/" + check,
          .kind = "check",
          .service = check,
          .name = check,
          .pid = 0,
          .started = parts_.began};
}

RunFeed::Target* RunFeed::target_of(const metrics::Instance& instance) {
  if (instance.check_name != scraper) {
    return nullptr;
  }
  const auto found = targets_.find(instance.id);
  if (found != targets_.end() || targets_.size() >= targets_max) {
    return found == targets_.end() ? nullptr : &found->second;
  }
  Target target;
  target.life = {.identity = "target/" + instance.id,
                 .kind = "target",
                 .service = instance.id,
                 .name = instance.target,
                 .pid = 0,
                 .started = 0};
  return &targets_.emplace(instance.id, std::move(target)).first->second;
}

void RunFeed::take(const metrics::Snapshot& snapshot) {
  Target* const target = target_of(*snapshot.instance);
  take_error(snapshot, target);
  if (target == nullptr) {
    return;
  }
  target->is_new = true;
  ++target->runs;
  target->errors += snapshot.error ? 1 : 0;
  target->run_time_ns += snapshot.duration.count();
  target->is_up = !snapshot.error;
  target->values.clear();
  if (target->is_up) {
    take_values(snapshot, *target);
  }
}

void RunFeed::take_values(const metrics::Snapshot& snapshot, Target& target) {
  const std::size_t count = std::min(snapshot.series.size(), series_read_max);
  for (std::size_t i = 0; i < count; ++i) {
    const metrics::Series& series = snapshot.series[i];
    const std::string& name = series.context.name();
    if (series.distribution && of_memstats(name) == pauses_name) {
      for (const base::Number& pause : series.distribution->run) {
        target.pauses += 1;
        target.pause_ns += pause.to_double();
        target.longest_pause_ns = std::max(target.longest_pause_ns.value_or(0), pause.to_double());
      }
      continue;
    }
    const std::optional<std::string_view> kept = series_named(name);
    const std::optional<std::int64_t> value = whole(series.total ? series.total : series.value);
    if (kept && value) {
      target.values.emplace(*kept, *value);
    }
  }
  const auto allocated = target.values.find(history::total_alloc_series);
  if (allocated == target.values.end()) {
    return;
  }
  if (target.allocated && allocated->second < *target.allocated) {
    parts_.recorder.event(&target.life, parts_.clock(), "restart",
                          "the program began anew: what it has allocated in all fell");
  }
  target.allocated = allocated->second;
}

/// Once for each text, and not more often than once a minute: a target that is down for an hour is
/// one event, and so is one that fails every other time. An error is over when runs have succeeded
/// for a minute.
void RunFeed::take_error(const metrics::Snapshot& snapshot, const Target* target) {
  const std::string& id = snapshot.instance->id;
  const std::int64_t now = parts_.clock();
  const auto told = errors_.find(id);
  const auto tell = [&](const std::string& kind, const std::string& text) {
    const history::LifeInfo check = life_of_check(snapshot.instance->check_name);
    parts_.recorder.event(&check, now, kind, text);
    if (target != nullptr) {
      parts_.recorder.event(&target->life, now, kind, text);
    }
  };
  if (!snapshot.error) {
    if (told != errors_.end() && now - told->second.failed >= quiet_ms) {
      errors_.erase(told);
      tell("recovered", "runs succeed again");
    }
    return;
  }
  const std::string text = base::beginning(snapshot.error->message, error_bytes_max);
  if (told != errors_.end()) {
    told->second.failed = now;
    if (told->second.text != text && now - told->second.told >= quiet_ms) {
      told->second = {.text = text, .told = now, .failed = now};
      tell("error", text);
    }
    return;
  }
  if (errors_.size() < errors_max) {
    errors_.emplace(id, Error{.text = text, .told = now, .failed = now});
    tell("error", text);
  }
}

void RunFeed::forget(const metrics::Instance& instance) {
  errors_.erase(instance.id);
  const auto known_target = targets_.find(instance.id);
  if (known_target != targets_.end()) {
    parts_.recorder.end(known_target->second.life, parts_.clock(), "not configured any more");
    targets_.erase(known_target);
  }
}

void RunFeed::record(const std::vector<CheckReading>& checks) {
  const std::int64_t now = parts_.clock();
  for (auto& [id, target] : targets_) {
    if (!std::exchange(target.is_new, false)) {
      continue;
    }
    history::Reading reading{.life = target.life, .time = now, .values = {}};
    put(reading, history::up_series, target.is_up ? 1 : 0);
    put(reading, history::runs_series, target.runs);
    put(reading, history::errors_series, target.errors);
    put(reading, history::run_time_series, target.run_time_ns);
    for (const auto& [series, value] : target.values) {
      put(reading, series, value);
    }
    if (target.pauses > 0) {
      put(reading, history::gc_pauses_series, target.pauses);
      put(reading, history::gc_pause_ns_series, target.pause_ns);
    }
    if (const auto longest = std::exchange(target.longest_pause_ns, std::nullopt); longest) {
      put(reading, history::gc_pause_longest_series, *longest);
    }
    parts_.recorder.record(std::move(reading));
  }
  for (const CheckReading& check : checks) {
    history::Reading reading{.life = life_of_check(check.check), .time = now, .values = {}};
    put(reading, history::runs_series, check.runs);
    put(reading, history::errors_series, check.errors);
    put(reading, history::warnings_series, check.warnings);
    put(reading, history::skipped_series, check.skipped);
    put(reading, history::run_time_series, check.run_time.count());
    if (check.native) {
      put(reading, history::native_series, *check.native);
    }
    if (check.python) {
      put(reading, history::python_series, *check.python);
    }
    parts_.recorder.record(std::move(reading));
  }
}

}  // namespace heapwatch::agent::web
