#include "leak/finding.h"

#include <algorithm>
#include <string>
#include <utility>

namespace heapwatch::leak {

namespace {

/// Growth of that many bytes is a leak's when its steps are very even, only.
constexpr double small_growth = mib;
constexpr double even_steps = 6;
constexpr double even_steps_of_short = 4.5;
/// A window that is shorter takes larger growth: programs start, and requests come in bursts.
constexpr double short_window_s = 60;
Confidence confidence_of(const Signal& signal, double window) {
  const SeriesResult& result = signal.result;
  const bool is_even = result.late_ratio >= 0.75 && result.late_ratio <= 1.35;
  if (window >= 150 && result.steadiness >= even_steps && is_even && result.values >= 24) {
    return Confidence::high;
  }
  return window >= 45 && result.steadiness >= 4.5 ? Confidence::medium : Confidence::low;
}

bool is_count(const Signal& signal) {
  return signal.space == "goroutine" || signal.space == "files" || signal.space == "stack";
}

/// Whether growth is large and even enough for its time to be called a leak.
bool is_enough(const Signal& signal, double window) {
  const SeriesResult& result = signal.result;
  if (window < short_window_s && result.steadiness < even_steps_of_short) {
    return false;
  }
  if (is_count(signal)) {
    return true;
  }
  const double least = window < short_window_s ? 2 * small_growth : small_growth;
  return result.growth >= least || (window >= short_window_s && result.steadiness >= even_steps);
}

}  // namespace

double window_of(const Signal& signal) {
  return signal.points.back().at - signal.points.front().at;
}

Finding doubt(const Signal& signal, double window, std::string reason) {
  return {.verdict = Verdict::cannot_tell,
          .space = signal.space,
          .rate = signal.result.rate,
          .growth = std::max(0.0, signal.result.growth),
          .reason = std::move(reason),
          .ask_seconds = std::max(ask_least_s, 2 * window)};
}

Finding finding_of(const Signal& signal, const Watch& watch) {
  Finding finding{.space = signal.space};
  const SeriesResult& result = signal.result;
  if (signal.points.size() < series_values_min) {
    return finding;
  }
  finding.rate = result.rate;
  finding.growth = std::max(0.0, growth_of(signal.points));
  const double window = window_of(signal);
  finding.confidence = confidence_of(signal, window);
  switch (result.course) {
    case Course::too_few:
    case Course::flat:
      return finding;
    case Course::filled:
    case Course::slows:
      finding.verdict = Verdict::filling;
      finding.ask_seconds = std::max(ask_least_s, 2 * window);
      return finding;
    case Course::varies:
      return result.growth > 0 && result.rate.low > 0
                 ? doubt(signal, window, "it grew less evenly than a leak does")
                 : finding;
    case Course::jumps:
      return doubt(signal, window, "it grew in few steps");
    case Course::accelerates:
      return doubt(signal, window, "it grows faster than before, as under a rising load");
    case Course::grows:
      break;
  }
  if (std::string load = load_behind(watch, signal); !load.empty()) {
    finding.verdict = Verdict::load;
    finding.confidence = Confidence::medium;
    finding.reason = std::move(load);
    return finding;
  }
  if (!is_enough(signal, window)) {
    return doubt(signal, window, "too little was seen of it");
  }
  finding.verdict = Verdict::leak;
  return finding;
}

void in_bytes(Finding& finding, const SeriesResult& counted, double bytes) {
  const double each = counted.growth > 0 ? std::max(0.0, bytes) / counted.growth : 0;
  finding.growth = std::max(0.0, bytes);
  finding.rate = Rate{.value = counted.rate.value * each,
                      .low = counted.rate.low * each,
                      .high = counted.rate.high * each};
}

}  // namespace heapwatch::leak
