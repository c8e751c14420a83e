#include "agent/pages/check_verdicts.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>

#include "base/json.h"
#include "base/printable.h"
#include "leak/sentence.h"
#include "leak/series.h"
#include "memtrack/memtrack.h"

namespace heapwatch::agent::pages {

namespace {

using leak::Course;
using leak::Verdict;
using std::chrono::seconds;

constexpr std::string_view component_prefix = "check:";
/// Of the points, behind those that do not count.
constexpr std::size_t judged_min = 18;
constexpr std::size_t in_a_row = 3;
/// From one point a second to about one a minute.
constexpr int doublings_max = 6;
/// Growth that counts: what is kept of series and looks grows a little, too.
constexpr leak::SeriesOptions native_growth{.least = 32 * leak::kib, .least_share = 0.05};
/// Python takes its memory from the system a mebibyte at a time.
constexpr leak::SeriesOptions python_growth{.least = 256 * leak::kib, .least_share = 0.01};

Verdict verdict_of(const leak::SeriesResult& result) {
  switch (result.course) {
    case Course::grows:
      return Verdict::leak;
    case Course::slows:
    case Course::filled:
      return Verdict::filling;
    case Course::flat:
      return Verdict::steady;
    case Course::too_few:
    case Course::jumps:
    case Course::accelerates:
      return Verdict::cannot_tell;
    case Course::varies:
      break;
  }
  return result.rate.low > 0 ? Verdict::cannot_tell : Verdict::steady;
}

std::string words_of(const CheckVerdict& told, const leak::Rate& rate) {
  const std::string space = leak::space_text(told.space);
  std::array<char, 64> over{};
  std::snprintf(over.data(), over.size(), ", over %llu runs",
                static_cast<unsigned long long>(told.runs));
  switch (told.verdict) {
    case Verdict::leak:
      return "leak in " + space + ": keeps " + leak::bytes_text(rate.value) + " a run (" +
             leak::bytes_text(rate.low) + " to " + leak::bytes_text(rate.high) + ")" + over.data();
    case Verdict::filling:
      return "no leak so far: " + space + " still fills" + over.data();
    case Verdict::steady:
      return "no leak: " + space + " is steady" + over.data();
    case Verdict::cannot_tell:
    case Verdict::load:
    case Verdict::retention:
      break;
  }
  return "cannot tell: " + space + " grows unevenly" + over.data();
}

}  // namespace

bool CheckVerdicts::is_due(Moment now) const {
  const std::lock_guard lock(mutex_);
  return now >= due_;
}

void CheckVerdicts::take(Moment now, const std::vector<CheckMemory>& checks) {
  const std::lock_guard lock(mutex_);
  std::map<std::pair<std::string, std::string>, Series> before = std::exchange(series_, {});
  due_ = now + seconds(checks.empty() ? 1 : std::int64_t{1} << doublings_max);
  for (const CheckMemory& memory : checks) {
    if (series_.size() >= checks_max) {
      break;
    }
    const std::pair key(memory.check, memory.space);
    const auto known = before.find(key);
    Series& series = series_[key];
    if (known != before.end()) {
      series = std::move(known->second);
    } else {
      series.told = {.check = memory.check,
                     .space = memory.space,
                     .sentence = "cannot tell yet: too few runs so far"};
    }
    if (now >= series.due) {
      add(series, now, memory);
    }
    due_ = std::min(due_, series.due);
  }
}

void CheckVerdicts::add(Series& series, Moment now, const CheckMemory& memory) {
  series.due = now + seconds(std::int64_t{1} << series.doublings);
  const auto runs = static_cast<double>(memory.runs);
  if (!series.points.empty() && runs <= series.points.back().at) {
    return;
  }
  series.points.push_back({runs, static_cast<double>(memory.bytes)});
  series.told.runs = memory.runs;
  if (series.points.size() > points_max) {
    if (series.doublings == doublings_max) {
      series.points.erase(series.points.begin());
    } else {
      ++series.doublings;
      std::vector<base::Point> kept;
      for (std::size_t i = 0; i < series.points.size(); i += 2) {
        kept.push_back(series.points[i]);
      }
      series.points = std::move(kept);
    }
  }
  judge(series);
}

/// A verdict is told when three in a row say so.
void CheckVerdicts::judge(Series& series) {
  const std::span<const base::Point> all(series.points);
  const std::span<const base::Point> points = all.subspan(all.size() / 4);
  if (points.size() < judged_min) {
    return;
  }
  const leak::SeriesResult result =
      leak::find_course(points, series.told.space == "python" ? python_growth : native_growth);
  const Verdict found = verdict_of(result);
  series.in_a_row = found == series.found ? series.in_a_row + 1 : 1;
  series.found = found;
  series.told.kept_per_run = std::max(0.0, result.rate.value);
  if (series.in_a_row >= in_a_row || found == series.told.verdict) {
    series.told.verdict = found;
    series.told.sentence = words_of(series.told, result.rate);
  }
}

std::vector<CheckVerdict> CheckVerdicts::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<CheckVerdict> all;
  all.reserve(series_.size());
  for (const auto& [key, series] : series_) {
    all.push_back(series.told);
  }
  return all;
}

std::string check_verdict_lines(const std::vector<CheckVerdict>& verdicts) {
  std::string lines;
  for (const CheckVerdict& verdict : verdicts) {
    lines += "  " + base::printable(verdict.check) + ": " + verdict.sentence + "\n";
  }
  return lines;
}

std::string check_verdicts_json(const std::vector<CheckVerdict>& verdicts) {
  std::string out;
  base::JsonWriter json(out);
  json.begin_array();
  for (const CheckVerdict& verdict : verdicts) {
    json.begin_object();
    json.member("check", verdict.check);
    json.member("space", verdict.space);
    json.member("verdict", leak::name_of(verdict.verdict));
    json.member("kept_bytes_per_run", verdict.kept_per_run);
    json.member("runs", verdict.runs);
    json.member("sentence", verdict.sentence);
    json.end_object();
  }
  json.end_array();
  return out;
}

std::vector<CheckMemory> memory_of_checks(const std::map<std::string, std::uint64_t>& runs,
                                          const std::vector<std::string_view>& native_checks,
                                          std::uint64_t python_bytes) {
  std::vector<CheckMemory> checks;
  std::uint64_t python_runs = 0;
  for (const auto& [check, count] : runs) {
    const bool is_native =
        std::find(native_checks.begin(), native_checks.end(), check) != native_checks.end();
    python_runs += is_native ? 0 : count;
  }
  const std::uint32_t components = memtrack_enabled() != 0 ? memtrack_component_count() : 0;
  for (std::uint32_t i = 0; i < components; ++i) {
    const std::string_view name = memtrack_component_name(i);
    if (!name.starts_with(component_prefix)) {
      continue;
    }
    const std::string check(name.substr(component_prefix.size()));
    const auto known = runs.find(check);
    if (known != runs.end()) {
      checks.push_back({.check = check,
                        .space = "native",
                        .runs = known->second,
                        .bytes = memtrack_component_stats(i).inuse_bytes});
    }
  }
  if (python_bytes > 0 && python_runs > 0) {
    checks.push_back(
        {.check = "python", .space = "python", .runs = python_runs, .bytes = python_bytes});
  }
  return checks;
}

}  // namespace heapwatch::agent::pages
