#include "agent/web/lists_json.h"

#include <array>
#include <map>
#include <optional>

#include "agent/web/json_parts.h"
#include "agent/web/verdict_codes.h"
#include "history/series_names.h"

namespace heapwatch::agent::web {

namespace {

using history::Course;
using history::Life;

/// Of targets and checks, in their order.
constexpr std::array target_columns{
    history::heap_alloc_series, history::heap_sys_series,         history::heap_inuse_series,
    history::heap_idle_series,  history::heap_released_series,    history::heap_objects_series,
    history::goroutines_series, history::gc_pause_longest_series, history::gc_pauses_series,
};
constexpr std::array check_columns{
    history::runs_series,   history::errors_series, history::run_time_series,
    history::native_series, history::python_series,
};

template <typename Names>
std::vector<std::string_view> with(const Names& names,
                                   std::initializer_list<std::string_view> more) {
  std::vector<std::string_view> all(names.begin(), names.end());
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

/// Those that were measured.
template <typename Names>
void write_columns(base::JsonWriter& json, const Course& course, const Names& names) {
  json.member("times", course.times);
  json.object("columns", [&] {
    for (const std::string_view name : names) {
      if (const history::Column* const column = column_of(course, name); column != nullptr) {
        write_values(json, name, column->last);
      }
    }
  });
}

void write_listing(base::JsonWriter& json, const Listing& listing) {
  json.member("from", listing.span.from);
  json.member("to", listing.span.to);
  json.member("clock", listing.clock);
  json.member("live", listing.is_live);
  json.member("can_watch", listing.can_watch);
  json.member("trouble", listing.trouble);
}

/// What a life grew by within the span: all of it, where it began there.
std::int64_t grown(const ListedLife& listed, const Listing& listing, std::string_view series) {
  return increase_of(listed.course, series, listed.life->first >= listing.span.from);
}

std::optional<std::int64_t> mean_time(const ListedLife& listed, const Listing& listing) {
  const std::int64_t runs = grown(listed, listing, history::runs_series);
  return runs > 0 ? std::optional(grown(listed, listing, history::run_time_series) / runs)
                  : std::nullopt;
}

void write_kept(base::JsonWriter& json, const ListedLife& listed,
                const std::vector<CheckVerdict>& verdicts) {
  std::vector<std::string_view> spaces;
  for (const std::string_view space : {history::native_series, history::python_series}) {
    if (last_of(listed.course, space)) {
      spaces.push_back(space);
    }
  }
  json.objects("kept", spaces, [&](std::string_view space) {
    const CheckVerdict* known = nullptr;
    for (const CheckVerdict& verdict : verdicts) {
      if (verdict.check == listed.life->info.name && verdict.space == space &&
          !listed.life->ended) {
        known = &verdict;
      }
    }
    json.member("space", space);
    json.member("bytes", last_of(listed.course, space));
    json.member("bytes_per_run", growth_per_run(listed.course, space));
    json.member("verdict", known == nullptr ? std::nullopt : std::optional(known->verdict));
    json.member("sentence", known == nullptr ? std::string() : known->sentence);
  });
}

}  // namespace

const std::vector<std::string_view>& process_series() {
  static const std::vector<std::string_view> series{history::rss_series, history::verdict_series,
                                                    history::confidence_series};
  return series;
}

const std::vector<std::string_view>& target_series() {
  static const std::vector<std::string_view> series =
      with(target_columns, {history::up_series, history::gc_pause_ns_series, history::runs_series,
                            history::errors_series, history::run_time_series});
  return series;
}

const std::vector<std::string_view>& check_series() {
  static const std::vector<std::string_view> series =
      with(check_columns, {history::warnings_series, history::skipped_series});
  return series;
}

std::optional<Verdict> verdict_of(const history::Course& course, const std::string& sentence,
                                  std::int64_t pid) {
  const std::string_view word = word_of(verdict_codes, last_of(course, history::verdict_series));
  const std::string_view confidence =
      word_of(confidence_codes, last_of(course, history::confidence_series));
  if (word.empty() || confidence.empty()) {
    return std::nullopt;
  }
  return Verdict{.pid = pid,
                 .verdict = std::string(word),
                 .confidence = std::string(confidence),
                 .sentence = sentence,
                 .next = {}};
}

std::string processes_json(const Listing& listing, const std::vector<ListedLife>& lives,
                           const std::vector<Verdict>& verdicts) {
  std::map<std::int64_t, const Verdict*> by_pid;
  for (const Verdict& verdict : verdicts) {
    by_pid.emplace(verdict.pid, &verdict);
  }
  return document("heapwatch.processes/1", [&](base::JsonWriter& json) {
    write_listing(json, listing);
    json.objects("processes", lives, [&](const ListedLife& listed) {
      write_numbered_life(json, *listed.life);
      json.member("rss_bytes", last_of(listed.course, history::rss_series));
      json.member("growth_bytes_per_hour", growth_per_hour(listed.course, history::rss_series));
      const history::Column* const rss = column_of(listed.course, history::rss_series);
      json.member("times", listed.course.times);
      write_values(json, "rss", rss == nullptr ? std::vector<std::int64_t>{} : rss->last);
      const std::int64_t pid = listed.life->info.pid;
      const auto verdict = by_pid.find(pid);
      if (verdict != by_pid.end() && pid != 0 && !listed.life->ended) {
        write_verdict(json, *verdict->second);
      } else if (const auto told = verdict_of(listed.course, listed.told, pid);
                 told && !listing.is_live) {
        write_verdict(json, *told);
      }
    });
  });
}

std::string targets_json(const Listing& listing, const std::vector<ListedLife>& lives) {
  return document("heapwatch.targets/1", [&](base::JsonWriter& json) {
    write_listing(json, listing);
    json.objects("targets", lives, [&](const ListedLife& listed) {
      const Course& course = listed.course;
      write_numbered_life(json, *listed.life);
      const std::optional<std::int64_t> up = last_of(course, history::up_series);
      json.member("up", up ? std::optional(*up != 0) : std::nullopt);
      json.member("heap_bytes", last_of(course, history::heap_alloc_series));
      json.member("goroutines", last_of(course, history::goroutines_series));
      json.member("growth_bytes_per_hour", growth_per_hour(course, history::heap_alloc_series));
      json.object("gc", [&] {
        json.member("pauses", grown(listed, listing, history::gc_pauses_series));
        json.member("total_ns", grown(listed, listing, history::gc_pause_ns_series));
        json.member("longest_ns", greatest_of(course, history::gc_pause_longest_series));
      });
      json.object("scrapes", [&] {
        json.member("runs", grown(listed, listing, history::runs_series));
        json.member("errors", grown(listed, listing, history::errors_series));
        json.member("time_ns_mean", mean_time(listed, listing));
      });
      json.member("last_error", listed.told);
      write_columns(json, course, target_columns);
    });
  });
}

std::string checks_json(const Listing& listing, const std::vector<ListedLife>& lives,
                        const std::vector<CheckVerdict>& verdicts) {
  return document("heapwatch.checks/1", [&](base::JsonWriter& json) {
    write_listing(json, listing);
    json.objects("checks", lives, [&](const ListedLife& listed) {
      write_numbered_life(json, *listed.life);
      json.member("runs", grown(listed, listing, history::runs_series));
      json.member("errors", grown(listed, listing, history::errors_series));
      json.member("warnings", grown(listed, listing, history::warnings_series));
      json.member("skipped", grown(listed, listing, history::skipped_series));
      json.member("run_time_ns_mean", mean_time(listed, listing));
      json.member("last_error", listed.told);
      write_kept(json, listed, verdicts);
      write_columns(json, listed.course, check_columns);
    });
  });
}

}  // namespace heapwatch::agent::web
