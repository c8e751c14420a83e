// Whether heapwatch's own checks leak: what a run leaves behind, in native memory and in Python's.
//
// Time says little of a check, since what it keeps it keeps in its runs: the series that is judged
// is of bytes over runs, and a check that runs more often does not leak more. Of each check there
// are so many points at most; when that many are there every other one goes, and from then on
// points come half as often, down to one a minute. Then the oldest go. The first quarter does not
// count: imports and caches are made in first runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/trend.h"
#include "leak/judge.h"

namespace heapwatch::agent::pages {

/// What a check has in use, and how often it has run. Python's memory is that of the interpreter,
/// which all Python checks share: its check is "python".
struct CheckMemory {
  std::string check;
  std::string space;  // "native" or "python"
  std::uint64_t runs = 0;
  std::uint64_t bytes = 0;
};

struct CheckVerdict {
  std::string check;
  std::string space;
  leak::Verdict verdict = leak::Verdict::cannot_tell;
  double kept_per_run = 0;  // bytes
  std::uint64_t runs = 0;
  std::string sentence;
};

/// Threads: any.
class CheckVerdicts {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  static constexpr std::size_t points_max = 96;
  static constexpr std::size_t checks_max = 1000;

  /// Whether a point of some check is due; cheap.
  [[nodiscard]] bool is_due(Moment now) const;
  void take(Moment now, const std::vector<CheckMemory>& checks);
  /// By name.
  [[nodiscard]] std::vector<CheckVerdict> all() const;

 private:
  struct Series {
    std::vector<base::Point> points;  // at: runs
    int doublings = 0;
    Moment due;
    leak::Verdict found = leak::Verdict::cannot_tell;
    std::size_t in_a_row = 0;
    CheckVerdict told;
  };
  static void add(Series& series, Moment now, const CheckMemory& memory);
  static void judge(Series& series);

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, Series> series_;
  Moment due_;
};

/// "  orders: leak in native memory: keeps 2.0 KiB a run (1.9 to 2.1 KiB), over 240 runs", a line
/// for each.
[[nodiscard]] std::string check_verdict_lines(const std::vector<CheckVerdict>& verdicts);
/// A list: `check`, `space`, `verdict`, `kept_bytes_per_run`, `runs`, `sentence`.
[[nodiscard]] std::string check_verdicts_json(const std::vector<CheckVerdict>& verdicts);

/// What memtrack has on its books for each check of `runs` (runs by check), and what Python holds;
/// `python_bytes` of 0: no Python runs.
[[nodiscard]] std::vector<CheckMemory> memory_of_checks(
    const std::map<std::string, std::uint64_t>& runs,
    const std::vector<std::string_view>& native_checks, std::uint64_t python_bytes);

}  // namespace heapwatch::agent::pages
