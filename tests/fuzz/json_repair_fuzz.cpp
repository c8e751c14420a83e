// Any page: once repaired there is nothing left to repair, places can be found again, and a page
// that was JSON stays the same JSON.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "expvar/json_repair.h"
#include "expvar/page_walker.h"

namespace {

using namespace heapwatch::expvar;

void must(bool holds) {
  if (!holds) {
    std::abort();
  }
}

Plan everything() {
  return {{}, WantedNumbers{.include = {}, .exclude = {}}};
}

std::string shown(const Plan& plan, const PageMatches& matches) {
  std::string out;
  matches.for_each(plan.wanted_numbers(), [&](const Match& match) {
    out += matches.path(match).text() + " " + heapwatch::base::to_text(*match.number) + "\n";
  });
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Plan plan = everything();
  const std::string_view page(reinterpret_cast<const char*>(data), size);
  RepairedPage once;
  repair(page, once);
  RepairedPage twice;
  repair(once.text, twice);
  // What is broken beyond its values, such as `1 2`, may be repaired on and on; a page of sound
  // structure is not.
  PageWalker walker;
  PageMatches matches;
  if (walker.walk_condensed(plan, once.text, matches)) {
    must(twice.text == once.text && twice.members == 0);
  }

  // No escape or value grows more than "\a" to "\u0007", or nothing to "null".
  must(once.text.size() <= 6 * page.size());
  std::size_t before = 0;
  for (std::size_t offset = 0; offset <= once.text.size(); ++offset) {
    const std::size_t original = once.original_offset(offset);
    must(original >= before && original <= page.size());
    before = original;
  }

  if (walker.walk_condensed(plan, page, matches)) {
    const std::string expected = shown(plan, matches);
    must(once.members == 0);
    must(walker.walk_condensed(plan, once.text, matches));
    must(shown(plan, matches) == expected);
  }
  return 0;
}
