// /debug/memory: where the agent's own resident memory is, and whether watched processes leak.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "agent/pages/verdicts.h"
#include "base/error.h"
#include "memory/survey.h"
#include "net/routes.h"

namespace heapwatch::agent::pages {

/// Looks at a process when somebody asks: one look at a time, and what it saw is shown for some
/// seconds, so that nobody can keep the agent busy by asking.
///
/// Threads: any.
class MemoryPage {
 public:
  using SurveyPtr = std::shared_ptr<const memory::Survey>;
  using Look = std::function<base::Result<memory::Survey>()>;
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  static constexpr std::chrono::seconds shown_for{5};

  /// `verdicts`: what the page tells of watched processes besides.
  explicit MemoryPage(Look look, Clock clock = std::chrono::steady_clock::now,
                      AskVerdicts verdicts = {})
      : look_(std::move(look)), clock_(std::move(clock)), verdicts_(std::move(verdicts)) {}

  /// This object must outlive whoever serves it.
  [[nodiscard]] net::Route route();

  /// JSON of heapwatch.memory/1, or a table for people with `?format=text` and for browsers. 400
  /// for another format, 503 when there was nothing to see.
  [[nodiscard]] net::ServerReply answer(const net::ServerRequest& request);

  [[nodiscard]] Verdicts verdicts() const { return verdicts_ ? verdicts_() : Verdicts(); }

  /// What was seen last, at most `shown_for` ago: waits for a look. Errors: those of the look.
  [[nodiscard]] base::Result<SurveyPtr> seen();

 private:
  Look look_;
  Clock clock_;
  AskVerdicts verdicts_;
  std::mutex mutex_;  // held while a look goes on
  SurveyPtr last_;
  std::chrono::steady_clock::time_point seen_at_;
};

/// A look at this process that ends in some seconds, however large it is.
[[nodiscard]] base::Result<memory::Survey> look_at_own_memory();

/// For /status: a line for each space and state.
[[nodiscard]] std::string memory_lines(const memory::Survey& survey);

}  // namespace heapwatch::agent::pages
