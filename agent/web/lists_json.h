// The answers of the API that list lives, as JSON. docs/api.md describes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/web/verdicts.h"
#include "history/archive.h"

namespace heapwatch::agent::web {

/// What all lists begin with.
struct Listing {
  history::Span span;
  std::int64_t clock = 0;  // now, or the last moment of a file
  bool is_live = true;     // values come
  bool can_watch = false;  // processes that nobody has configured
  std::string trouble;     // why the history stands still; empty: it does not
};

struct ListedLife {
  const history::Life* life = nullptr;
  history::Course course;
  std::string told{};  // last: an error that is not over, the sentence of a verdict
};

/// What was told of a process last; absent when nothing was.
[[nodiscard]] std::optional<Verdict> verdict_of(const history::Course& course,
                                                const std::string& sentence, std::int64_t pid);

/// The series that an answer is made of.
[[nodiscard]] const std::vector<std::string_view>& process_series();
[[nodiscard]] const std::vector<std::string_view>& target_series();
[[nodiscard]] const std::vector<std::string_view>& check_series();

[[nodiscard]] std::string processes_json(const Listing& listing,
                                         const std::vector<ListedLife>& lives,
                                         const std::vector<Verdict>& verdicts);
[[nodiscard]] std::string targets_json(const Listing& listing,
                                       const std::vector<ListedLife>& lives);
[[nodiscard]] std::string checks_json(const Listing& listing, const std::vector<ListedLife>& lives,
                                      const std::vector<CheckVerdict>& verdicts);

}  // namespace heapwatch::agent::web
