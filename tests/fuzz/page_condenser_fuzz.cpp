// Any page in any pieces: what the condenser keeps does not depend on the pieces, and has the
// matches of the whole page, or is not JSON where that is none.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "check/go_expvar/page_plan.h"
#include "expvar/page_condenser.h"
#include "expvar/page_walker.h"

namespace {

using namespace heapwatch::check::go_expvar;
using namespace heapwatch::expvar;
using PlanPtr = std::shared_ptr<const PagePlan>;

PlanPtr plan_of(const std::vector<const char*>& paths) {
  PagePlanOptions options;
  options.memstats = false;
  options.max_returned_metrics = 1000;
  for (const char* const path : paths) {
    MetricEntry entry;
    entry.path = parse_path(path).value();
    options.metrics.push_back(std::move(entry));
  }
  return shared_page_plan(std::move(options));
}

struct Condensed {
  std::string kept;
  bool gave_up = false;
};

/// `seed` says how long the pieces are; 0: one for the whole page.
Condensed condensed(const PlanPtr& plan, std::string_view page, std::size_t seed) {
  PageCondenser condenser({plan, &plan->plan});
  Condensed result;
  condenser.begin();
  while (!page.empty()) {
    const std::size_t piece = seed == 0 ? page.size() : seed % 7 + 1;
    seed = seed == 0 ? 0 : (seed * 31 + 7) % 251 + 1;
    condenser.take(page.substr(0, piece), result.kept);
    page.remove_prefix(std::min(piece, page.size()));
  }
  result.gave_up = condenser.gave_up();
  return result;
}

std::string shown(const PagePlan& plan, const PageMatches& matches) {
  std::string out = std::to_string(matches.long_keys) + "\n";
  for (std::size_t i = 0; i < plan.listed_count; ++i) {
    const auto target = static_cast<WantedIndex>(i);
    matches.for_each(target, [&](const Match& match) {
      out += std::to_string(i) + " " + matches.path(match).text() + " " +
             std::string(with_article(match.kind)) + " " +
             (match.number ? heapwatch::base::to_text(*match.number) : "-") + "\n";
    });
    out += std::to_string(matches.of(target).numbers) + " " +
           std::to_string(matches.of(target).others) + "\n";
  }
  return out;
}

void must(bool holds) {
  if (!holds) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::array<PlanPtr, 5> plans{
      plan_of({"a"}), plan_of({"a/b", "b/c/a"}), plan_of({".*/1", "c"}),
      plan_of({"a/.*/b", "b/0/a", "b/0"}), plan_of({"(a|b)/.*"})};
  if (size < 2) {
    return 0;
  }
  const PlanPtr& plan = plans.at(data[0] % plans.size());
  const std::string_view page(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Condensed at_once = condensed(plan, page, 0);
  const Condensed in_pieces = condensed(plan, page, data[1]);
  must(at_once.gave_up == in_pieces.gave_up);
  must(at_once.gave_up || at_once.kept == in_pieces.kept);

  PageWalker walker;
  PageMatches whole;
  const bool is_json = walker.walk_condensed(plan->plan, page, whole);
  PageMatches kept;
  const bool found = !at_once.gave_up && walker.walk_condensed(plan->plan, at_once.kept, kept);
  must(found == is_json);
  must(!found || shown(*plan, kept) == shown(*plan, whole));
  return 0;
}
