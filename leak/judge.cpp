#include "leak/judge.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/counted.h"
#include "leak/candidates.h"
#include "leak/runs.h"
#include "leak/sentence.h"
#include "leak/signals.h"

namespace heapwatch::leak {

namespace {

constexpr double rss_floor = mib;
constexpr double rss_share = 0.01;
/// Of the growth of RSS: a doubt about less of it does not outweigh what is certain.
constexpr double doubt_share = 0.3;
constexpr double unexplained_share = 0.5;
constexpr double trickle_bytes = 2 * mib;
constexpr double trickle_share = 0.05;
constexpr double ask_factor = 2;

std::vector<Point> rss_points(const Watch& watch) {
  return numbers_of(watch, [](const Look& look) { return std::optional(look.rss); });
}

/// What each owner in each state grew; adds up to the growth of RSS by a last row.
std::vector<GrowthRow> growth_rows(const Watch& watch, double rss_growth) {
  std::vector<GrowthRow> rows;
  for (const Look& look : watch.looks) {
    for (const Amount& row : look.rows) {
      const bool is_there = std::any_of(rows.begin(), rows.end(), [&row](const GrowthRow& one) {
        return one.space == row.space && one.owner == row.owner && one.state == row.state;
      });
      if (!is_there) {
        rows.push_back({row.space, row.owner, row.state, 0});
      }
    }
  }
  Watch whole = watch;
  std::erase_if(whole.looks, [](const Look& look) { return !look.torn.empty(); });
  double sum = 0;
  for (GrowthRow& row : rows) {
    row.bytes = growth_of(sum_of_rows(whole, [&row](const Amount& one) {
      return one.space == row.space && one.owner == row.owner && one.state == row.state;
    }));
    sum += row.bytes;
  }
  std::erase_if(rows, [](const GrowthRow& row) { return std::abs(row.bytes) < 1; });
  std::stable_sort(rows.begin(), rows.end(),
                   [](const GrowthRow& a, const GrowthRow& b) { return a.bytes > b.bytes; });
  if (std::abs(rss_growth - sum) >= 4096) {
    rows.push_back({"rest", "", "", rss_growth - sum});
  }
  return rows;
}

/// Shares of growth that add up to no more than all of it.
void set_shares(std::vector<Finding>& findings, double rss_growth, double least) {
  double left = 1;
  for (Finding& finding : findings) {
    if (rss_growth >= least && finding.growth > 0) {
      finding.share = std::clamp(finding.growth / rss_growth, 0.0, left);
      left -= *finding.share;
    }
  }
}

/// Growth that is little by itself and little of the whole may be a trickle beside what matters.
void doubt_trickles(std::vector<Finding>& findings, double rss_growth, double window) {
  for (Finding& finding : findings) {
    const bool is_little = finding.growth > 0 && finding.growth < trickle_bytes &&
                           finding.growth < trickle_share * rss_growth;
    if (finding.verdict == Verdict::leak && is_little) {
      finding.verdict = Verdict::cannot_tell;
      finding.reason = "it is little of the growth of RSS";
      finding.ask_seconds = std::max(ask_least_s, ask_factor * window);
    }
  }
}

void drop_start(Watch& watch) {
  if (!watch.is_started || watch.looks.empty()) {
    return;
  }
  const double begin = start_of(watch.looks.back().at);
  const auto settled = std::find_if(watch.looks.begin(), watch.looks.end(),
                                    [begin](const Look& look) { return look.at >= begin; });
  watch.looks.erase(watch.looks.begin(), settled);
}

int order_of(Verdict verdict) {
  return static_cast<int>(verdict);
}

/// Leaks first; a doubt about much outweighs load, filling and retention, one about little does
/// not.
void sort_findings(std::vector<Finding>& findings, double rss_growth) {
  const auto rank = [rss_growth](const Finding& finding) {
    const bool is_small = finding.verdict == Verdict::cannot_tell && !finding.space.empty() &&
                          finding.growth < doubt_share * rss_growth;
    return is_small ? order_of(Verdict::retention) : order_of(finding.verdict);
  };
  std::stable_sort(findings.begin(), findings.end(), [&](const Finding& a, const Finding& b) {
    if (rank(a) != rank(b)) {
      return rank(a) < rank(b);
    }
    return a.growth > b.growth;
  });
}

Finding cannot_tell(std::string reason, double ask_seconds) {
  return {.verdict = Verdict::cannot_tell, .reason = std::move(reason), .ask_seconds = ask_seconds};
}

std::string number_text(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.0f", value);
  return text.data();
}

/// Why nothing can be said of any space; empty: something can.
std::string too_little(const Watch& watch, double window) {
  if (watch.looks.size() < series_values_min || window < window_min_s) {
    return number_text(static_cast<double>(watch.looks.size())) + " looks in " +
           duration_text(window) + (watch.ended.empty() ? "" : ", for " + watch.ended);
  }
  const bool has_rows = std::any_of(watch.looks.begin(), watch.looks.end(),
                                    [](const Look& look) { return !look.rows.empty(); });
  const bool has_go = std::any_of(watch.looks.begin(), watch.looks.end(),
                                  [](const Look& look) { return look.go.heap_live.has_value(); });
  if (!has_rows && !has_go) {
    return "its memory could not be looked at" +
           (watch.missing.empty() ? std::string() : ": " + watch.missing.front());
  }
  return "";
}

/// Why growth is not explained: most looks may not have come to the end of a heap.
std::string why_unexplained(const Watch& watch) {
  std::map<std::string, std::size_t> unread;
  std::size_t looks = 0;
  for (const Look& look : watch.looks) {
    looks += look.rows.empty() ? 0 : 1;
    // Two readers of one space may have failed.
    for (const std::string& space : std::set(look.torn.begin(), look.torn.end())) {
      ++unread[space];
    }
  }
  for (const auto& [space, count] : unread) {
    if (2 * count > looks) {
      return space_text(space) + " could not be read to its end in " + std::to_string(count) +
             " of " + base::counted(looks, "look");
    }
  }
  return "what is in use does not explain it";
}

/// What no finding explains of growth that counts.
void add_unexplained(const Watch& watch, std::vector<Finding>& findings, double rss_growth,
                     double window) {
  const SeriesResult rss = signal_of("", rss_points(watch)).result;
  double explained = 0;
  for (const Finding& finding : findings) {
    explained += std::max(0.0, finding.growth);
  }
  const double level = watch.looks.back().rss;
  const bool counts = rss_growth >= std::max(rss_floor, rss_share * level) &&
                      rss.course != Course::flat && rss.course != Course::filled;
  if (counts && explained < unexplained_share * rss_growth) {
    findings.push_back(
        cannot_tell("RSS grew by " + bytes_text(rss_growth) + ", and " + why_unexplained(watch),
                    std::max(ask_least_s, ask_factor * window)));
    findings.back().growth = rss_growth - explained;
  }
}

/// Of each signal that moves, what it does.
std::vector<std::string> reasons_of(const std::vector<Signal>& signals) {
  std::vector<std::string> why;
  for (const Signal& signal : signals) {
    const SeriesResult& result = signal.result;
    const bool is_still = result.course == Course::flat && std::abs(result.growth) < 1;
    if (result.course == Course::too_few || is_still) {
      continue;
    }
    const bool is_count =
        signal.space == "goroutine" || signal.space == "threads" || signal.space == "descriptors";
    const std::string growth = is_count ? number_text(result.growth) : bytes_text(result.growth);
    constexpr std::size_t label_bytes_max = 60;
    std::array<char, 240> line{};
    std::snprintf(line.data(), line.size(),
                  "%s: %s, %s (steadiness %.1f, late rate %.2f of the early one, %zu values)",
                  (space_text(signal.space) + (signal.owner.empty() ? "" : " of ") + signal.owner)
                      .substr(0, label_bytes_max)
                      .c_str(),
                  std::string(name_of(result.course)).c_str(),
                  (result.growth >= 0 ? "+" + growth : growth).c_str(),
                  std::min(result.steadiness, 999.0), result.late_ratio, result.values);
    why.emplace_back(line.data());
  }
  return why;
}

std::string target_text(const Watch& watch) {
  std::string target = watch.pid ? std::to_string(*watch.pid) : "";
  if (watch.url) {
    target += (target.empty() ? "" : " ") + *watch.url;
  }
  return target.empty() ? "PID" : target;
}

std::vector<std::string> next_of(const Finding& finding, const Watch& watch) {
  const std::string pid = watch.pid ? std::to_string(*watch.pid) : "PID";
  const std::string url = watch.url.value_or("URL");
  if (finding.verdict == Verdict::cannot_tell) {
    if (finding.ask_seconds <= 0) {
      return {"heapwatch memory " + pid};
    }
    const bool wants_gc = finding.space == "go" && watch.url && !watch.may_collect;
    return {"heapwatch leak " + target_text(watch) + " --for " +
            number_text(std::ceil(finding.ask_seconds / 60)) + "m" + (wants_gc ? " --gc" : "")};
  }
  if (finding.verdict == Verdict::filling) {
    return {"heapwatch leak " + target_text(watch) + " --for 10m"};
  }
  if (finding.verdict != Verdict::leak) {
    return finding.verdict == Verdict::steady ? std::vector<std::string>{}
                                              : std::vector{"heapwatch memory " + pid};
  }
  if (finding.space == "go") {
    return {watch.url ? "heapwatch pprof grow -kind heap " + url
                      : "heapwatch leak " + pid + " URL  # with the address of its /debug/pprof"};
  }
  if (finding.space == "goroutine") {
    return {watch.url ? "heapwatch pprof -kind goroutine " + url
                      : "heapwatch leak " + pid + " URL  # with the address of its /debug/pprof"};
  }
  if (watch.is_started && !finding.stack.empty()) {
    return {"heapwatch exec --flame held.html -- PROGRAM ARGS  # all that it holds, as a picture"};
  }
  if (finding.space == "python") {
    return {"heapwatch memory " + pid + " --types --watch"};
  }
  if (finding.space == "native") {
    return {"heapwatch exec -- PROGRAM ARGS  # started anew: each allocation with its stack"};
  }
  if (finding.space == "files") {
    return {"ls -l /proc/" + pid + "/fd"};
  }
  return {"heapwatch memory " + pid};
}

bool is_sure(const Judgement& judgement) {
  const Finding& first = judgement.findings.front();
  if (first.verdict != Verdict::leak || first.confidence != Confidence::high ||
      judgement.window < sure_after_s) {
    return false;
  }
  return std::none_of(
      judgement.findings.begin(), judgement.findings.end(), [&first](const Finding& finding) {
        return finding.verdict == Verdict::cannot_tell && finding.growth > first.growth;
      });
}

}  // namespace

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::leak:
      return "leak";
    case Verdict::cannot_tell:
      return "cannot_tell";
    case Verdict::load:
      return "load";
    case Verdict::filling:
      return "filling";
    case Verdict::retention:
      return "retention";
    case Verdict::steady:
      return "steady";
  }
  return "";
}

std::string_view name_of(Confidence confidence) {
  switch (confidence) {
    case Confidence::low:
      return "low";
    case Confidence::medium:
      return "medium";
    case Confidence::high:
      return "high";
  }
  return "";
}

double start_of(double seconds) {
  constexpr double start_s = 10;
  constexpr double start_share = 0.15;
  return std::min(start_s, start_share * seconds);
}

Judgement judge(const Watch& given, const JudgeOptions& options) {
  if (given.check) {
    return judge_runs(given, options);
  }
  Watch watch = given;
  drop_start(watch);
  mark_torn(watch);
  Judgement judgement;
  judgement.window = watch.looks.empty() ? 0 : watch.looks.back().at - watch.looks.front().at;
  std::vector<Finding>& findings = judgement.findings;
  const std::string reason = too_little(watch, judgement.window);
  if (!reason.empty()) {
    const bool can_look = watch.ended.empty() && watch.missing.empty();
    findings.push_back(cannot_tell(reason, can_look ? ask_least_s / 2 : 0));
  } else {
    judgement.rss_growth = growth_of(rss_points(watch));
    judgement.growth = growth_rows(watch, judgement.rss_growth);
    Candidates candidates = candidates_of(watch, options);
    judgement.why = reasons_of(candidates.signals);
    judgement.why.insert(judgement.why.end(), candidates.notes.begin(), candidates.notes.end());
    findings = std::move(candidates.findings);
    doubt_trickles(findings, judgement.rss_growth, judgement.window);
    add_unexplained(watch, findings, judgement.rss_growth, judgement.window);
    sort_findings(findings, judgement.rss_growth);
    if (findings.empty()) {
      findings.push_back(
          {.confidence = judgement.window >= 120 ? Confidence::high : Confidence::medium});
    }
    set_shares(findings, judgement.rss_growth, rss_floor / 4);
  }
  for (Finding& finding : findings) {
    finding.sentence = sentence_of(finding, watch);
  }
  judgement.next = next_of(findings.front(), watch);
  judgement.is_sure = is_sure(judgement);
  return judgement;
}

}  // namespace heapwatch::leak
