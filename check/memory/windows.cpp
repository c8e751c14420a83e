#include "check/memory/windows.h"

#include <algorithm>
#include <utility>

#include "leak/sentence.h"

namespace heapwatch::check::memory {

namespace {

using leak::Finding;
using leak::Look;
using leak::Verdict;

/// Growth that a window of its own would plainly call a leak.
constexpr double plain_growth = 2 * leak::mib;
/// A window that has not been watched for that part of its length does not say that a leak ended.
constexpr double watched_share = 0.5;
/// Memory is low again where no more than that part of its present growth is left.
constexpr double low_share = 0.25;
/// How much longer one window has to be than another to be a second witness.
constexpr double witness_factor = 3;

/// How much of a space is in use, as far as a look tells.
std::optional<double> in_use(const Look& look, const std::string& space) {
  if (space == "goroutine") {
    return look.go.goroutines;
  }
  if (space == "files") {
    return look.descriptors;
  }
  if (space == "go" && look.go.heap_live) {
    return look.go.heap_live;
  }
  if (look.rows.empty() || !look.torn.empty()) {
    return std::nullopt;
  }
  double sum = 0;
  for (const leak::Amount& row : look.rows) {
    const bool counts = space == "stack" ? row.space == "stacks"
                        : space == "mmap"
                            ? row.space == "unexplained" || row.owner == "[anon]"
                            : row.state == "live" && (row.space == space ||
                                                      (space == "python" && row.space == "native"));
    sum += counts ? row.bytes : 0;
  }
  return sum;
}

const Finding* finding_for(const leak::Judgement& judgement, const std::string& space) {
  const auto found = std::find_if(judgement.findings.begin(), judgement.findings.end(),
                                  [&space](const Finding& one) { return one.space == space; });
  return found == judgement.findings.end() ? nullptr : &*found;
}

bool has(const std::vector<std::string>& spaces, const std::string& space) {
  return std::find(spaces.begin(), spaces.end(), space) != spaces.end();
}

}  // namespace

Windows::Windows(const std::vector<double>& lengths) {
  for (const double length : lengths) {
    windows_.push_back({.ring = LookRing(length), .judgement = {}});
  }
  opinion_.sentence = "cannot tell yet: too few looks so far";
}

void Windows::is_of(int pid, std::optional<std::string> url) {
  watch_.pid = pid;
  watch_.url = std::move(url);
}

std::size_t Windows::kept() const {
  std::size_t sum = 0;
  for (const Window& window : windows_) {
    sum += window.ring.size();
  }
  return sum;
}

bool Windows::add(Look look) {
  last_ = std::move(look);
  bool is_new = false;
  for (Window& window : windows_) {
    if (window.ring.add(last_, names_)) {
      judge(window);
      is_new = true;
    }
  }
  if (is_new) {
    decide();
  }
  return is_new;
}

void Windows::judge(Window& window) {
  watch_.looks = window.ring.looks(names_);
  Look& newest = watch_.looks.back();
  newest.sizes = last_.sizes;
  newest.types = last_.types;
  window.is_able = watch_.looks.size() >= leak::series_values_min &&
                   newest.at - watch_.looks.front().at >= leak::window_min_s;
  if (window.is_able) {
    window.judgement = leak::judge(watch_);
    ++judgements_;
  }
  watch_.looks.clear();
}

/// Whether another window knows better than the one that calls it a leak.
bool Windows::knows_better(std::size_t window, const Finding& finding) {
  if (was_as_large(window, finding)) {
    recurring_ = finding;
    recurring_->verdict = Verdict::load;
    recurring_->reason = "it was as large before, and went back";
    recurring_window_ = window;
    return true;
  }
  for (std::size_t i = window + 1; i < windows_.size(); ++i) {
    const Finding* longer =
        windows_[i].is_able ? finding_for(windows_[i].judgement, finding.space) : nullptr;
    if (longer != nullptr &&
        (longer->verdict == Verdict::filling || longer->verdict == Verdict::load)) {
      return true;
    }
  }
  return has_ended(window, finding);
}

/// Whether what grows in a window has been as large before, and went back to where it began: once
/// within the next longer window, or twice within the longest.
bool Windows::was_as_large(std::size_t window, const Finding& finding) const {
  const bool is_longest = window + 1 == windows_.size();
  const Window& witness = windows_[is_longest ? window : window + 1];
  const double begin = last_.at - windows_[window].judgement.window;
  const std::vector<Look> looks = witness.ring.looks(names_);
  const auto now = in_use(last_, finding.space);
  std::optional<double> first;  // where its growth began
  for (const Look& look : looks) {
    if (const auto value = in_use(look, finding.space); value && (is_longest || look.at >= begin)) {
      first = first ? std::min(*first, *value) : *value;
    }
  }
  if (!now || !first || *now <= *first) {
    return false;
  }
  const double low = *first + low_share * (*now - *first);
  std::size_t returns = 0;
  bool is_high = false;
  for (const Look& look : looks) {
    const auto value = in_use(look, finding.space);
    if (value && *value >= *now) {
      is_high = look.at < last_.at;
    } else if (value && is_high && *value <= low) {
      ++returns;
      is_high = false;
    }
  }
  return returns >= (is_longest ? 2U : 1U);
}

/// A shorter window would see the rate, and sees nothing of it.
bool Windows::has_ended(std::size_t window, const Finding& finding) const {
  if (window == 0 || !finding.rate) {
    return false;
  }
  const Window& shorter = windows_[window - 1];
  const double span = shorter.judgement.window;
  if (!shorter.is_able || span < watched_share * shorter.ring.length() ||
      finding.rate->low * span < plain_growth) {
    return false;
  }
  const Finding* lately = finding_for(shorter.judgement, finding.space);
  return lately == nullptr || lately->verdict == Verdict::filling;
}

std::vector<Windows::Leak> Windows::leaks() {
  std::vector<Leak> leaks;
  vetoed_.clear();
  recurring_.reset();
  for (std::size_t i = windows_.size(); i-- > 0;) {
    if (!windows_[i].is_able) {
      continue;
    }
    for (const Finding& finding : windows_[i].judgement.findings) {
      if (finding.verdict != Verdict::leak || has(vetoed_, finding.space)) {
        continue;
      }
      const auto known = std::find_if(leaks.begin(), leaks.end(), [&finding](const Leak& one) {
        return one.finding.space == finding.space;
      });
      if (known != leaks.end()) {
        const bool is_witness = witness_factor * windows_[i].judgement.window <=
                                windows_[known->window].judgement.window;
        known->windows += is_witness ? 1 : 0;
        continue;
      }
      if (knows_better(i, finding)) {
        vetoed_.push_back(finding.space);
      } else {
        leaks.push_back({finding, i});
      }
    }
  }
  const auto rate = [](const Leak& one) { return one.finding.rate ? one.finding.rate->value : 0; };
  std::stable_sort(leaks.begin(), leaks.end(),
                   [&rate](const Leak& a, const Leak& b) { return rate(a) > rate(b); });
  return leaks;
}

void Windows::decide() {
  const std::vector<Leak> found = leaks();
  opinion_.leaks.clear();
  if (found.empty()) {
    decide_without_leak();
    return;
  }
  for (const Leak& one : found) {
    opinion_.leaks.push_back(one.finding);
    if (one.windows > 1) {
      opinion_.leaks.back().confidence = leak::Confidence::high;
    }
  }
  const Window& window = windows_[found.front().window];
  speak(opinion_.leaks.front(), window);
  opinion_.sentence += ", seen for " + leak::duration_text(window.judgement.window);
  opinion_.next = window.judgement.next;
}

void Windows::decide_without_leak() {
  if (recurring_) {
    speak(*recurring_, windows_[recurring_window_]);
    return;
  }
  std::vector<std::size_t> order{windows_.size() / 2};
  for (std::size_t i = 0; i < windows_.size(); ++i) {
    if (i != windows_.size() / 2) {
      order.push_back(i);
    }
  }
  const Window* doubtful = nullptr;
  const Finding* doubt = nullptr;
  const Finding steady{.verdict = Verdict::steady, .confidence = leak::Confidence::medium};
  for (const std::size_t i : order) {
    const Window& window = windows_[i];
    if (!window.is_able) {
      continue;
    }
    const auto speaks =
        std::find_if(window.judgement.findings.begin(), window.judgement.findings.end(),
                     [](const Finding& one) { return one.verdict != Verdict::leak; });
    const Finding& first = speaks == window.judgement.findings.end() ? steady : *speaks;
    if (first.verdict != Verdict::cannot_tell) {
      speak(first, window);
      return;
    }
    if (doubt == nullptr) {
      doubtful = &window;
      doubt = &first;
    }
  }
  if (doubt != nullptr) {
    speak(*doubt, *doubtful);
    return;
  }
  opinion_.verdict = Verdict::cannot_tell;
  opinion_.confidence = leak::Confidence::low;
  opinion_.space.clear();
  opinion_.span = 0;
  opinion_.next.clear();
  opinion_.sentence = "cannot tell yet: too few looks so far";
}

void Windows::speak(const Finding& finding, const Window& window) {
  opinion_.verdict = finding.verdict;
  opinion_.confidence = finding.confidence;
  opinion_.space = finding.space;
  opinion_.span = window.judgement.window;
  opinion_.next.clear();
  watch_.looks = {last_};
  opinion_.sentence = leak::sentence_of(finding, watch_, leak::Advice::left_out);
  watch_.looks.clear();
}

}  // namespace heapwatch::check::memory
