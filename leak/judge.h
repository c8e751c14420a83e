// From looks at a process to a verdict: whether it leaks, in which memory, how fast, and when it
// cannot be told.
//
// The worst mistake is to say "leak" of a program that has none; so every doubt ends in
// "cannot tell", with the reason and with how long to look. What is asked, in this order:
//
//   space  What the program uses ("live") is followed space by space, never RSS: RSS also moves
//          with what allocators keep. Of Go that is what is alive when a collection ends; where too
//          few ended within the window, nothing can be told of it.
//   load   Memory that follows connections, threads or CPU time belongs to the load.
//   rest   Free memory that allocators keep, and that grows, is retention. Growth that nothing
//          explains is told as such: shares add up.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "leak/looks.h"
#include "leak/series.h"

namespace heapwatch::leak {

enum class Verdict : std::uint8_t { leak, cannot_tell, load, filling, retention, steady };
[[nodiscard]] std::string_view name_of(Verdict verdict);

enum class Confidence : std::uint8_t { low, medium, high };
[[nodiscard]] std::string_view name_of(Confidence confidence);

struct Finding {
  Verdict verdict = Verdict::steady;
  /// "go", "goroutine", "native", "python", "mmap", "stack", "files"; empty: of the whole.
  std::string space;
  std::optional<Rate> rate;     // bytes a second
  std::optional<Rate> per_run;  // bytes a run, of a check
  double growth = 0;            // bytes within the window
  std::optional<double> share;  // of the growth of RSS
  Confidence confidence = Confidence::low;
  /// Where, the innermost call first, and the place in it of the application's own call.
  std::vector<Frame> stack;
  std::size_t application = 0;
  /// The call of the application from which that was called, unless a thread begins with it.
  std::optional<std::size_t> caller;
  std::optional<double> survival;  // as SiteGrowth has them
  std::optional<double> ages;
  /// What is known besides: "+1200 blocks of 3024 bytes". Empty: nothing.
  std::string what;
  std::string reason;      // of cannot_tell and load: why
  double ask_seconds = 0;  // how long to look for an answer; 0: that would not help
  std::string sentence;
};

struct GrowthRow {
  std::string space;
  std::string owner;
  std::string state;
  double bytes = 0;
};

struct Judgement {
  double window = 0;  // seconds
  double rss_growth = 0;
  /// The first is the verdict; then what else there is, leaks first, the largest first.
  std::vector<Finding> findings;
  std::vector<GrowthRow> growth;  // the largest first; adds up to rss_growth
  std::vector<std::string> why;
  std::vector<std::string> next;
  /// A longer look would say the same.
  bool is_sure = false;

  [[nodiscard]] const Finding& verdict() const { return findings.front(); }
};

struct JudgeOptions {
  /// Whether a site, type or size is not to be called a leak. Empty: none is.
  std::function<bool(std::string_view)> ignores;
};

/// Looks that span less say nothing.
inline constexpr double window_min_s = 15;
/// A leak that is plain after that long need not be watched any longer.
inline constexpr double sure_after_s = 165;
/// Who cannot be told anything is to ask for that long at least.
inline constexpr double ask_least_s = 600;

/// How long the start of a program lasts, of which so many seconds were watched: it grows to what
/// it needs, and that does not count.
[[nodiscard]] double start_of(double seconds);

[[nodiscard]] Judgement judge(const Watch& given, const JudgeOptions& options = {});

}  // namespace heapwatch::leak
