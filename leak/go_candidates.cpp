#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "leak/finding.h"
#include "leak/sentence.h"
#include "leak/sites.h"

namespace heapwatch::leak {

namespace {

constexpr SeriesOptions goroutines_count{.least = 20, .least_share = 0.05};
/// What a goroutine holds of the heap, at most, to be taken for what makes the heap grow.
constexpr double goroutine_holds_max = 64 * kib;
constexpr double goroutine_stack = 2 * kib;

std::string collections_text(double count) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.0f %s", count,
                count == 1 ? "collection" : "collections");
  return text.data();
}

class Go {
 public:
  Go(const Watch& watch, const JudgeOptions& options, Candidates& result)
      : watch_(watch), options_(options), result_(result), heap_(go_heap(watch)) {}

  [[nodiscard]] std::vector<Finding> findings() {
    Finding goroutines = of_goroutines();
    Finding heap = of_heap();
    if (goroutines.verdict == Verdict::leak && heap.growth > 0 && holds_heap(goroutines, heap)) {
      if (goroutines.rate && heap.rate) {
        goroutines.rate->value += heap.rate->value;
        goroutines.rate->low += heap.rate->low;
        goroutines.rate->high += heap.rate->high;
      }
      goroutines.growth += heap.growth;
      heap.verdict = Verdict::steady;
    }
    std::vector<Finding> findings;
    findings.push_back(std::move(goroutines));
    findings.push_back(std::move(heap));
    return findings;
  }

 private:
  Finding of_goroutines() {
    Signal signal = signal_of(
        "goroutine", numbers_of(watch_, [](const Look& look) { return look.go.goroutines; }),
        goroutines_count);
    Finding finding = finding_of(signal, watch_);
    if (finding.verdict != Verdict::steady) {
      added_ = signal.result.growth;
      const double stacks = growth_of(
          sum_of_rows(watch_, [](const Amount& row) { return row.owner == "goroutine stacks"; }));
      in_bytes(finding, signal.result, std::max(stacks, added_ * goroutine_stack));
      std::array<char, 96> what{};
      std::snprintf(what.data(), what.size(), "+%.0f goroutines, %.1f a minute", added_,
                    signal.result.rate.value * 60);
      finding.what = what.data();
      set_site(finding, best_site(watch_, "goroutine", options_));
      blocked_ = finding.stack;
    }
    result_.signals.push_back(std::move(signal));
    return finding;
  }

  Finding of_heap() {
    if (!heap_.is_known || heap_.signal.points.size() < 2) {
      return {};
    }
    Finding finding = finding_of(heap_.signal, watch_);
    result_.signals.push_back(heap_.signal);
    const bool grew = heap_.signal.result.growth >= mib / 2 &&
                      heap_.signal.result.course != Course::flat &&
                      heap_.signal.result.course != Course::filled;
    if (!heap_.is_decided) {
      if (!grew) {
        return {};
      }
      finding = doubt(heap_.signal, window_of(heap_.signal),
                      heap_.are_collections_known
                          ? collections_text(heap_.collections) + " ended in " +
                                duration_text(window_of(heap_.signal)) +
                                ", too few to tell Go's garbage from what is kept"
                          : "the collections of Go are not known: give the URL of its /debug/vars");
    } else if (heap_.is_of_few && finding.verdict == Verdict::leak) {
      finding.confidence = std::min(finding.confidence, Confidence::medium);
    }
    if (finding.verdict == Verdict::steady) {
      return finding;
    }
    const SiteGrowth* site = best_site(watch_, "go", options_);
    set_site(finding, site);
    const auto sizes = groups_that_grew(watch_, &Look::sizes, "go");
    if (site == nullptr && !sizes.empty()) {
      std::array<char, 96> what{};
      std::snprintf(what.data(), what.size(), "+%.0f ", sizes.front().group.count);
      finding.what = what.data() + sizes.front().group.name;
    }
    return finding;
  }

  /// Whether the heap grows by what the goroutines that are left hold.
  [[nodiscard]] bool holds_heap(const Finding& goroutines, const Finding& heap) const {
    if (!heap.stack.empty() && !goroutines.stack.empty()) {
      const std::string& place = heap.stack[heap.application].function;
      return std::any_of(blocked_.begin(), blocked_.end(),
                         [&place](const Frame& frame) { return frame.function == place; }) ||
             is_runtime(heap.stack);
    }
    return heap.growth <= added_ * goroutine_holds_max;
  }

  /// The runtime's own record of a goroutine.
  static bool is_runtime(const std::vector<Frame>& stack) {
    return std::all_of(stack.begin(), stack.end(),
                       [](const Frame& frame) { return frame.function.starts_with("runtime."); });
  }

  const Watch& watch_;
  const JudgeOptions& options_;
  Candidates& result_;
  GoHeap heap_;
  double added_ = 0;  // goroutines
  std::vector<Frame> blocked_;
};

}  // namespace

std::vector<Finding> go_findings(const Watch& watch, const JudgeOptions& options,
                                 Candidates& result) {
  return Go(watch, options, result).findings();
}

}  // namespace heapwatch::leak
