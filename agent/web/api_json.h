// The answers of the API, and their JSON. docs/api.md describes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/web/api.h"
#include "agent/web/sites.h"
#include "history/archive.h"

namespace heapwatch::agent::web {

struct MemoryAnswer {
  const history::Life* life = nullptr;
  history::Span asked;
  history::Course course;
  std::vector<history::Life> lives;  // of the same service, oldest first
  std::vector<history::Event> events;
  std::vector<history::ProfileInfo> profiles;
  std::int64_t next = 0;  // for `since`
};
[[nodiscard]] std::string memory_json(const MemoryAnswer& answer);

/// What rows were at two moments. They add up to the resident memory at both.
struct Growth {
  struct Row {
    std::string space;
    std::string owner;
    std::string state;
    std::int64_t before = 0;
    std::int64_t after = 0;
  };
  std::int64_t from = 0;  // the moments whose rows these are
  std::int64_t to = 0;
  std::int64_t rss_before = 0;
  std::int64_t rss_after = 0;
  std::vector<Row> rows;  // that changed most first
};
/// Of the first and the last frame that have rows. All is 0 where there is none.
[[nodiscard]] Growth growth_between(const history::Course& course);

struct SitesBetween {
  std::string kind;
  std::int64_t from = 0;
  std::int64_t to = 0;
  Sites sites;
};
struct GrowthAnswer {
  const history::Life* life = nullptr;
  Growth growth;
  std::vector<SitesBetween> sites;
};
[[nodiscard]] std::string growth_json(const GrowthAnswer& answer);

/// The sites of the newest profile of a kind, and what they held in some of those before it.
struct Suspects {
  std::string kind;
  std::vector<std::int64_t> times;  // of the profiles, oldest first; the last is the newest
  Sites sites;
  /// By site, as long as `times`: bytes; history::absent where the profile leaves too much out.
  std::vector<std::vector<std::int64_t>> courses;
};

struct SuspectsAnswer {
  const history::Life* life = nullptr;
  std::optional<Verdict> verdict;
  std::vector<Suspects> suspects;
};
[[nodiscard]] std::string suspects_json(const SuspectsAnswer& answer);

}  // namespace heapwatch::agent::web
