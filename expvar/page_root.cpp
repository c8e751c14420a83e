#include "expvar/page_root.h"

#include <vector>

namespace heapwatch::expvar {

namespace {

JsonKind kind_of(char first) {
  switch (first) {
    case '{':
      return JsonKind::object;
    case '[':
      return JsonKind::array;
    case '"':
      return JsonKind::text;
    case 't':
    case 'f':
      return JsonKind::boolean;
    case 'n':
      return JsonKind::null;
    default:
      return JsonKind::number;
  }
}

/// Whether some path goes on into an array, be it empty today.
bool enters_arrays(const Plan& plan) {
  std::vector<Plan::Node> nodes;
  plan.step(Plan::root(), "0", nodes);
  return !nodes.empty() || plan.has_auto();
}

}  // namespace

std::optional<std::string> foreign_page(const Plan& plan, std::string_view page,
                                        const PageMatches& matches) {
  const auto begin = page.find_first_not_of(" \t\r\n");
  const JsonKind kind = begin == std::string_view::npos ? JsonKind::null : kind_of(page[begin]);
  if (kind == JsonKind::object || (kind == JsonKind::array && enters_arrays(plan))) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < plan.wanted_count(); ++i) {
    if (matches.first(static_cast<WantedIndex>(i)) != nullptr) {
      return std::nullopt;
    }
  }
  return "the page is " + std::string(with_article(kind)) +
         ", not an object as a page of expvars is, and no path of the instance enters it";
}

}  // namespace heapwatch::expvar
