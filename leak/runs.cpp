#include "leak/runs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "leak/sentence.h"
#include "leak/signals.h"
#include "leak/sites.h"

namespace heapwatch::leak {

namespace {

constexpr double run_interval_usual = 15;  // seconds
/// Less a run is not told.
constexpr double bytes_a_run_min = 32;
constexpr double growth_min = 1024;
constexpr double many_runs = 60;
constexpr double sure_runs = 30;
/// The parts of the runs that may be left out at the beginning.
constexpr std::array begins{0.0, 0.15, 0.3, 0.45};

std::vector<Point> by_runs(const Watch& watch, std::string_view space) {
  std::vector<Point> points;
  for (const Look& look : watch.looks) {
    for (const Amount& amount : look.counted) {
      const bool is_later = points.empty() || (look.runs && *look.runs > points.back().at);
      if (look.runs && amount.space == space && is_later) {
        points.push_back({*look.runs, amount.bytes});
      }
    }
  }
  return points;
}

std::vector<Point> numbers_by_runs(const Watch& watch, std::optional<double> Look::*number) {
  std::vector<Point> points;
  for (const Look& look : watch.looks) {
    if (look.runs && look.*number && (points.empty() || *look.runs > points.back().at)) {
      points.push_back({*look.runs, *(look.*number)});
    }
  }
  return points;
}

SeriesOptions options_of(const std::vector<Point>& points, double least, double least_a_run) {
  const double runs = points.empty() ? 0 : points.back().at - points.front().at;
  return {.least = std::max(least, least_a_run * runs),
          .least_share = 0,
          .stretches = runs < many_runs ? std::size_t{6} : std::size_t{12}};
}

/// What the runs do to a number, and from which part of them on.
struct RunCourse {
  SeriesResult result;
  double begin = 0;  // run
  double growth = 0;
};

/// From the first part on after which it grows to the end; else over all.
RunCourse course_by_runs(const std::vector<Point>& points, double least, double least_a_run) {
  RunCourse whole;
  for (const double part : begins) {
    const auto skipped = static_cast<std::ptrdiff_t>(part * static_cast<double>(points.size()));
    const std::vector<Point> rest(points.begin() + skipped, points.end());
    if (rest.size() < series_values_min) {
      break;
    }
    RunCourse course{.result = find_course(rest, options_of(rest, least, least_a_run)),
                     .begin = rest.front().at,
                     .growth = rest.back().value - rest.front().value};
    if (part == 0) {
      whole = course;
    }
    if (course.result.course == Course::grows) {
      return course;
    }
  }
  return whole;
}

Confidence confidence_of(const RunCourse& course, double runs) {
  const SeriesResult& result = course.result;
  const bool is_even = result.late_ratio >= 0.75 && result.late_ratio <= 1.35;
  if (runs >= sure_runs && result.steadiness >= 6 && is_even && course.begin <= runs / 3) {
    return Confidence::high;
  }
  return runs >= 20 && is_even ? Confidence::medium : Confidence::low;
}

std::string whole_text(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.0f", value);
  return text.data();
}

class Runs {
 public:
  Runs(const Watch& watch, const JudgeOptions& options, Judgement& judgement)
      : watch_(watch),
        options_(options),
        judgement_(judgement),
        runs_(watch.looks.back().runs.value_or(0)),
        interval_(watch.run_interval.value_or(run_interval_usual)) {}

  void bytes_of(const std::string& space) {
    const std::vector<Point> points = by_runs(watch_, space);
    if (points.size() < series_values_min) {
      return;
    }
    const RunCourse course = course_by_runs(points, growth_min, bytes_a_run_min);
    Finding finding = finding_of(space, course);
    finding.per_run = course.result.rate;
    finding.rate = Rate{.value = course.result.rate.value / interval_,
                        .low = course.result.rate.low / interval_,
                        .high = course.result.rate.high / interval_};
    const double growth = points.back().value - points.front().value;
    judgement_.growth.push_back({space, "", "live", growth});
    tell(space, course, bytes_text(growth));
    if (finding.verdict == Verdict::steady) {
      return;
    }
    add_site(finding);
    if (finding.verdict != Verdict::steady) {
      judgement_.findings.push_back(std::move(finding));
    }
  }

  void count_of(const std::string& space, std::optional<double> Look::*number, const char* what) {
    const std::vector<Point> points = numbers_by_runs(watch_, number);
    if (points.size() < series_values_min) {
      return;
    }
    constexpr double least = 5;
    constexpr double least_a_run = 0.05;
    const RunCourse course = course_by_runs(points, least, least_a_run);
    Finding finding = finding_of(space, course);
    const double growth = points.back().value - points.front().value;
    tell(what, course, whole_text(growth));
    if (finding.verdict == Verdict::leak) {
      finding.growth = 0;
      finding.what = "+" + whole_text(growth) + " " + what + " in " + whole_text(runs_) + " runs";
      set_site(finding, best_site(watch_, space, options_));
      judgement_.findings.push_back(std::move(finding));
    }
  }

 private:
  [[nodiscard]] Finding finding_of(const std::string& space, const RunCourse& course) const {
    Finding finding{.space = space,
                    .growth = std::max(0.0, course.growth),
                    .confidence = confidence_of(course, runs_)};
    switch (course.result.course) {
      case Course::too_few:
      case Course::flat:
        break;
      case Course::grows:
        finding.verdict = Verdict::leak;
        break;
      case Course::filled:
      case Course::slows:
        finding.verdict = Verdict::filling;
        break;
      case Course::jumps:
        doubt(finding, "it grew in few of the runs");
        break;
      case Course::accelerates:
        doubt(finding, "later runs keep more than earlier ones");
        break;
      case Course::varies:
        if (course.result.rate.low > 0) {
          doubt(finding, "some runs keep memory and others give it back");
        }
        break;
    }
    return finding;
  }

  void doubt(Finding& finding, std::string reason) const {
    finding.verdict = Verdict::cannot_tell;
    finding.confidence = Confidence::low;
    finding.reason = std::move(reason);
  }

  void add_site(Finding& finding) {
    const SiteGrowth* most = best_site(watch_, finding.space, {});
    if (most != nullptr && finding.verdict == Verdict::leak && is_ignored_site(*most, options_)) {
      const std::size_t call = application_call(most->stack, finding.space, most->helpers);
      judgement_.why.push_back(space_text(finding.space) +
                               ": growth is ignored, as asked: " + most->stack[call].function);
      finding.verdict = Verdict::steady;
      return;
    }
    set_site(finding, best_site(watch_, finding.space, options_));
  }

  void tell(const std::string& what, const RunCourse& course, const std::string& growth) {
    if (course.result.course == Course::too_few ||
        (course.result.course == Course::flat && course.growth <= 0)) {
      return;
    }
    std::array<char, 160> line{};
    std::snprintf(line.data(), line.size(),
                  "%s: %s from run %.0f on, %s%s in %.0f runs (steadiness %.1f, late rate %.2f of "
                  "the early one)",
                  space_text(what).c_str(), std::string(name_of(course.result.course)).c_str(),
                  course.begin, growth.starts_with("-") ? "" : "+", growth.c_str(), runs_,
                  std::clamp(course.result.steadiness, -999.0, 999.0), course.result.late_ratio);
    judgement_.why.emplace_back(line.data());
  }

  const Watch& watch_;
  const JudgeOptions& options_;
  Judgement& judgement_;
  double runs_;
  double interval_;
};

int order_of(const Finding& finding) {
  return static_cast<int>(finding.verdict);
}

void order(Judgement& judgement) {
  double grown = 0;
  for (const GrowthRow& row : judgement.growth) {
    grown += std::max(0.0, row.bytes);
  }
  double left = 1;
  std::stable_sort(
      judgement.findings.begin(), judgement.findings.end(), [](const Finding& a, const Finding& b) {
        return order_of(a) != order_of(b) ? order_of(a) < order_of(b) : a.growth > b.growth;
      });
  for (Finding& finding : judgement.findings) {
    if (grown > 0 && finding.growth > 0) {
      finding.share = std::clamp(finding.growth / grown, 0.0, left);
      left -= *finding.share;
    }
  }
  std::stable_sort(judgement.growth.begin(), judgement.growth.end(),
                   [](const GrowthRow& a, const GrowthRow& b) { return a.bytes > b.bytes; });
  std::erase_if(judgement.growth, [](const GrowthRow& row) { return row.bytes == 0; });
}

std::vector<std::string> next_of(const Finding& first, const std::string& check) {
  switch (first.verdict) {
    case Verdict::leak:
      return {first.space == "python"
                  ? "heapwatch check " + check + " -m"
                  : "heapwatch exec --sample-interval 1 -- heapwatch check " + check};
    case Verdict::cannot_tell:
    case Verdict::filling:
      return {"heapwatch leak --check " + check + " --times 500"};
    default:
      return {};
  }
}

}  // namespace

Judgement judge_runs(const Watch& watch, const JudgeOptions& options) {
  Judgement judgement;
  judgement.window = watch.looks.empty() ? 0 : watch.looks.back().at - watch.looks.front().at;
  const double runs = watch.looks.empty() ? 0 : watch.looks.back().runs.value_or(0);
  std::vector<Finding>& findings = judgement.findings;
  if (runs < runs_min) {
    findings.push_back({.verdict = Verdict::cannot_tell,
                        .reason = whole_text(runs) + (runs == 1 ? " run" : " runs") +
                                  (watch.ended.empty() ? "" : ", for " + watch.ended) +
                                  "; at least " + whole_text(runs_min) + " are wanted"});
  } else {
    judgement.rss_growth = watch.looks.back().rss - watch.looks.front().rss;
    Runs judge(watch, options, judgement);
    for (const char* space : {"python", "native", "mmap"}) {
      judge.bytes_of(space);
    }
    judge.count_of("stack", &Look::threads, "threads");
    judge.count_of("files", &Look::descriptors, "open descriptors");
    order(judgement);
    if (findings.empty()) {
      findings.push_back({.confidence = runs >= sure_runs ? Confidence::high : Confidence::medium});
    }
  }
  for (Finding& finding : findings) {
    finding.sentence = sentence_of(finding, watch);
  }
  judgement.next = next_of(findings.front(), *watch.check);
  return judgement;
}

}  // namespace heapwatch::leak
