#include "check/go_expvar/page_warnings.h"

#include "base/beginning.h"
#include "base/counted.h"

namespace heapwatch::check::go_expvar {

namespace {

/// A default yields to an entry of the user whose pattern takes the same variable.
bool is_taken_by_user(const PagePlan& plan, const expvar::Path& path) {
  for (std::size_t i = plan.default_count; i < plan.entries.size(); ++i) {
    const auto& own = plan.entries[i].path.segments;
    if (own.size() == path.segments.size() && own[0].matches(path.segments[0].text()) &&
        own[1].matches(path.segments[1].text())) {
      return true;
    }
  }
  return false;
}

}  // namespace

void warn_of_members(const expvar::PageMatches& matches, std::string_view page, RunReport& report) {
  if (const auto invalid = matches.invalid_members; invalid > 0) {
    report.dropped["invalid_json"] = invalid;
    report.warnings.push_back(base::counted(invalid, "member of the page has a value",
                                            "members of the page have values") +
                              " that JSON does not know and " + (invalid == 1 ? "is" : "are") +
                              " left out, the first at " +
                              expvar::place_in_page(page, matches.first_invalid_at));
  }
  if (const auto left_out = matches.long_keys; left_out > 0) {
    report.dropped["long_key"] = left_out;
    report.warnings.push_back(
        base::counted(left_out, "member of the page is", "members of the page are") +
        " left out: a key has at most " + std::to_string(expvar::key_bytes_max) +
        " bytes, a path " + std::to_string(expvar::path_bytes_max) + "; the first is \"" +
        matches.first_long_key + '"');
  }
}

std::string missing_defaults(const PagePlan& plan, const expvar::PageMatches& matches) {
  const expvar::Match* found = matches.first(plan.runtime.memstats);
  if (found == nullptr) {
    return "the page has no memstats: the default metrics are absent";
  }
  if (found->kind != expvar::JsonKind::object) {
    return "memstats is " + std::string(expvar::with_article(found->kind)) +
           ", not an object: the default metrics are absent";
  }
  std::string absent;
  for (std::size_t i = 0; i < plan.default_count; ++i) {
    const auto& path = plan.entries[i].path;
    const auto& seen = matches.of(static_cast<expvar::WantedIndex>(i));
    if (seen.numbers + seen.others == 0 && !is_taken_by_user(plan, path)) {
      absent += (absent.empty() ? "" : ", ") + path.segments.back().text();
    }
  }
  return absent.empty() ? "" : "memstats has no " + absent + ": these default metrics are absent";
}

std::string collision_text(const PagePlan& plan, const Variable& before, const TakenPlace& now,
                           const std::string& name) {
  const std::string first = base::beginning(before.path().text());
  const std::string second = base::beginning(now.path.text());
  const std::string series = base::beginning(name);
  if (first == second) {
    return "path " + first + " is taken as " + series + " by two entries, \"" +
           plan.entries[before.entry()].path.text() + "\" and \"" +
           plan.entries[now.entry].path.text() + "\"; the first counts, give the other an alias";
  }
  return "paths " + first + " and " + second + " both become " + series +
         "; the first counts, give the other an alias";
}

std::string no_number_text(const std::string& path, expvar::JsonKind kind, bool invalid) {
  const bool container = kind == expvar::JsonKind::object || kind == expvar::JsonKind::array;
  const bool repaired = kind == expvar::JsonKind::null && invalid;
  return "path " + path + " is " + std::string(expvar::with_article(kind)) +
         (repaired ? " or a value that JSON does not know" : ", which is no number") +
         (container ? "; name a path in it" : "");
}

}  // namespace heapwatch::check::go_expvar
