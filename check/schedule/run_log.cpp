#include "check/schedule/run_log.h"

#include <algorithm>
#include <cctype>

#include "base/beginning.h"
#include "base/counted.h"
#include "base/log.h"

namespace heapwatch::check::schedule {

namespace {

using base::LogLevel;

constexpr std::uint64_t runs_always_logged = 5;
constexpr std::size_t told_max = 8;
constexpr std::size_t trouble_bytes_max = std::size_t{8} * 1024;

std::string trouble_of(const metrics::Snapshot& snapshot) {
  std::string text = snapshot.error ? snapshot.error->message : std::string{};
  for (const std::string& warning : snapshot.warnings) {
    text += (text.empty() ? "" : "; ") + warning;
  }
  return base::beginning(text, trouble_bytes_max);
}

/// Times and counts differ from run to run, and are no news.
std::string without_digits(std::string text) {
  text.erase(std::remove_if(text.begin(), text.end(),
                            [](unsigned char c) { return std::isdigit(c) != 0; }),
             text.end());
  return text;
}

}  // namespace

void RunLog::tell(const metrics::Snapshot& snapshot, const metrics::RunStats& stats,
                  unsigned frequency) {
  const State state = snapshot.error              ? State::failed
                      : snapshot.warnings.empty() ? State::good
                                                  : State::warned;
  const std::string subject = "check " + snapshot.instance->id + ": ";
  if (state != State::good) {
    tell_trouble(snapshot, state);
  } else if (state_ != State::good) {
    const auto lasted =
        std::chrono::duration_cast<std::chrono::seconds>(snapshot.time.steady - bad_since_);
    base::log(LogLevel::info, subject + "works again, after " + std::to_string(bad_runs_) +
                                  (state_ == State::failed ? " failed" : " warned") +
                                  (bad_runs_ == 1 ? " run in " : " runs in ") +
                                  std::to_string(lasted.count()) + " s");
  }
  if (state != state_) {
    bad_runs_ = 0;
    bad_since_ = snapshot.time.steady;
  }
  state_ = state;
  ++bad_runs_;
  if (state != State::failed && (stats.runs <= runs_always_logged || stats.runs % frequency == 0)) {
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(snapshot.duration);
    base::log(LogLevel::info, subject + "run " + std::to_string(stats.runs) + ", " +
                                  base::counted(snapshot.samples, "sample") + " in " +
                                  std::to_string(took.count()) + " ms");
  }
}

void RunLog::tell_trouble(const metrics::Snapshot& snapshot, State state) {
  if (state != state_) {
    told_.clear();
  }
  std::string text = trouble_of(snapshot);
  const bool is_new = told_.size() < told_max && told_.insert(without_digits(text)).second;
  base::log(!is_new                  ? LogLevel::debug
            : state == State::failed ? LogLevel::error
                                     : LogLevel::warn,
            "check " + snapshot.instance->id + ": " + std::move(text));
}

}  // namespace heapwatch::check::schedule
