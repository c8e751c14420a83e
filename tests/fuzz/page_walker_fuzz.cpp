// Any page along a plan with every kind of step; the same page twice must give the same matches.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "expvar/page_walker.h"

namespace {

using namespace heapwatch::expvar;

Plan make_plan() {
  std::vector<WantedPath> targets;
  for (const char* text : {"memstats/HeapAlloc", "memstats/PauseNs/.*", ".*", "a.?/(?P<x>.*)", "a",
                           "a/b", R"(\d+/x)", "", "/"}) {
    targets.push_back({.path = parse_path(text).value(), .numbers_max = 8, .others_max = 8});
  }
  return {std::move(targets), {.include = {}, .exclude = {parse_path("cmdline").value()}}};
}

std::string shown(const PageWalker& walker, const PageMatches& matches, const Plan& plan) {
  std::string out;
  for (std::size_t target = 0; target < plan.wanted_count(); ++target) {
    matches.for_each(static_cast<WantedIndex>(target), [&](const Match& match) {
      if (match.end <= match.begin || match.end > walker.text().size()) {
        std::abort();
      }
      out += matches.path(match).text();
      out += walker.text().substr(match.begin, match.end - match.begin);
      out += '\n';
    });
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Plan plan = make_plan();
  static PageWalker walker;
  static PageMatches matches;
  const std::string_view page(reinterpret_cast<const char*>(data), size);
  const auto first = walker.walk(plan, page, matches);
  const std::string before = first ? shown(walker, matches, plan) : first.error().message;
  const auto second = walker.walk(plan, page, matches);
  if (before != (second ? shown(walker, matches, plan) : second.error().message)) {
    std::abort();
  }
  return 0;
}
