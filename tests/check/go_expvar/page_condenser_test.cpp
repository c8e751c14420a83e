#include "expvar/page_condenser.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "check/go_expvar/page_plan.h"
#include "expvar/page_walker.h"

namespace heapwatch::check::go_expvar {
namespace {

std::shared_ptr<const PagePlan> plan_of(const std::vector<std::string>& paths) {
  PagePlanOptions options;
  options.memstats = false;
  options.max_returned_metrics = 1000;
  for (const std::string& path : paths) {
    MetricEntry entry;
    entry.path = expvar::parse_path(path).value();
    options.metrics.push_back(std::move(entry));
  }
  return shared_page_plan(std::move(options));
}

/// A line for each match: target, path, kind and number.
std::vector<std::string> lines_of(const PagePlan& plan, const expvar::PageMatches& matches) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < plan.listed_count; ++i) {
    const auto target = static_cast<expvar::WantedIndex>(i);
    matches.for_each(target, [&](const expvar::Match& match) {
      lines.push_back(std::to_string(i) + " " + matches.path(match).text() + " " +
                      std::string(expvar::with_article(match.kind)) + " " +
                      (match.number ? base::to_text(*match.number) : "-"));
    });
    lines.push_back(std::to_string(i) + ": " + std::to_string(matches.of(target).numbers) + ", " +
                    std::to_string(matches.of(target).others));
  }
  return lines;
}

struct Condensed {
  std::string kept;
  bool gave_up = false;
};

/// `page` in pieces of at most `piece` bytes, or of any size up to 100 where that is 0.
Condensed condensed(const std::shared_ptr<const PagePlan>& plan, std::string_view page,
                    std::size_t piece, std::mt19937& random) {
  expvar::PageCondenser condenser({plan, &plan->plan});
  Condensed result;
  condenser.begin();
  while (!page.empty()) {
    const std::size_t size = std::min(page.size(), piece == 0 ? random() % 100 + 1 : piece);
    condenser.take(page.substr(0, size), result.kept);
    page.remove_prefix(size);
  }
  result.gave_up = condenser.gave_up();
  return result;
}

std::string kept_of(const std::vector<std::string>& paths, std::string_view page) {
  std::mt19937 random(1);
  const Condensed result = condensed(plan_of(paths), page, 7, random);
  EXPECT_FALSE(result.gave_up);
  return result.kept;
}

TEST(PageCondenser, LeavesOutWhatIsInObjectsAndArraysThatNoPathEnters) {
  EXPECT_EQ(
      kept_of({"a/b", "list/1/x"},
              R"({"a": {"b": 1, "c": {"deep": [1, "}]"]}}, "other": {"b": {"x": 2}}, )"
              R"("list": [{"x": 1}, {"x": 2}, [3, {}]], "end": "text {"})"),
      R"({"a": {"b": 1, "c": {}}, "other": {}, "list": [{}, {"x": 2}, []], "end": "text {"})");
}

TEST(PageCondenser, KeepsWholeWhatHasANameWithEscapes) {
  EXPECT_EQ(kept_of({"a/b"}, R"({"\u0061": {"b": {"c": 1}}, "z": {"b": 2}})"),
            R"({"\u0061": {"b": {"c": 1}}, "z": {}})");
}

TEST(PageCondenser, GivesUpWhereBracketsOrBackslashesAreWrong) {
  std::mt19937 random(1);
  const auto plan = plan_of({"a/b"});
  const std::string deep(expvar::page_depth_max, '[');
  for (const std::string& page : {std::string(R"({"x": {"y": [1}, "a": {"b": 1}})"),
                                  std::string(R"({"x": {\"y"}})"), R"({"x": )" + deep}) {
    EXPECT_TRUE(condensed(plan, page, 64, random).gave_up) << page;
  }
}

TEST(PageCondenser, BeginsAnewWithAnotherBody) {
  const auto plan = plan_of({"a/b"});
  expvar::PageCondenser condenser({plan, &plan->plan});
  std::string kept;
  condenser.begin();
  condenser.take(R"({"a": {"b": "not the en)", kept);
  kept.clear();
  condenser.begin();
  condenser.take(R"({"a": {"b": 1}, "c": {"d": 1}})", kept);
  EXPECT_EQ(kept, R"({"a": {"b": 1}, "c": {}})");
}

/// JSON of all kinds with few names, so that paths meet it.
class Pages {
 public:
  explicit Pages(std::mt19937& random) : random_(random) {}

  std::string value(int depth) {
    switch (random_() % (depth > 5 ? 5 : 9)) {
      case 0:
        return "null";
      case 1:
        return random_() % 2 == 0 ? "true" : "NaN";
      case 2:
        return std::to_string(random_() % 1000);
      case 3:
        return "-1.5e3";
      case 4:
        return text();
      case 5:
      case 6:
        return list(depth);
      default:
        return object(depth);
    }
  }

  std::string object(int depth) {
    std::string all = "{";
    for (auto left = random_() % 5; left > 0; --left) {
      all += name() + space() + ":" + space() + value(depth + 1) + (left > 1 ? "," : "") + space();
    }
    return all + "}";
  }

 private:
  std::string list(int depth) {
    std::string all = "[";
    for (auto left = random_() % 4; left > 0; --left) {
      all += space() + value(depth + 1) + (left > 1 ? "," : "");
    }
    return all + "]";
  }
  std::string name() {
    static const std::vector<std::string> names{R"("a")",      R"("b")", R"("c")",
                                                R"("\u0061")", R"("")",  R"("x\"}")"};
    return names[random_() % names.size()];
  }
  std::string text() {
    static const std::vector<std::string> texts{R"("")", R"("12")", R"("{[\\\"]}")", R"("a:b,c")",
                                                R"("\u00e9\\")"};
    return texts[random_() % texts.size()];
  }
  std::string space() { return random_() % 4 == 0 ? " \n" : ""; }

  std::mt19937& random_;
};

/// The same matches as in the whole page, and JSON where that is JSON.
void expect_same(const std::shared_ptr<const PagePlan>& plan, const std::string& page,
                 std::size_t piece, std::mt19937& random, std::size_t& shorter) {
  expvar::PageWalker walker;
  expvar::PageMatches whole;
  const bool is_json = walker.walk_condensed(plan->plan, page, whole);
  const Condensed result = condensed(plan, page, piece, random);
  expvar::PageMatches kept;
  const bool found = !result.gave_up && walker.walk_condensed(plan->plan, result.kept, kept);
  ASSERT_EQ(found, is_json) << page << '\n' << result.kept;
  if (found) {
    EXPECT_EQ(lines_of(*plan, kept), lines_of(*plan, whole)) << page << '\n' << result.kept;
    shorter += page.size() - result.kept.size();
  }
}

TEST(PageCondenser, WhatIsKeptHasTheMatchesOfThePage) {
  std::mt19937 random(7);
  Pages pages(random);
  std::size_t shorter = 0;
  const std::vector<std::vector<std::string>> plans{
      {"a"}, {"a/b", "b/c/a"}, {".*/1", "c"}, {"a/.*/b", "b/0/a", "b/0"}, {"(a|b)/.*"}};
  for (int round = 0; round < 1000; ++round) {
    const auto plan = plan_of(plans[random() % plans.size()]);
    expect_same(plan, pages.object(0), random() % 2 == 0 ? 0 : 64, random, shorter);
  }
  EXPECT_GT(shorter, 3000U);
}

TEST(PageCondenser, ADamagedPageIsNeverTakenForAnother) {
  std::mt19937 random(11);
  Pages pages(random);
  std::size_t shorter = 0;
  const std::vector<std::vector<std::string>> plans{{"a/b", "b/c/a"}, {"a/.*/b", "b/0/a", "b/0"}};
  const std::string damage = "{}[]\",:\\ x0";
  for (int round = 0; round < 2000; ++round) {
    const auto plan = plan_of(plans[random() % plans.size()]);
    std::string page = pages.object(0);
    const std::size_t at = random() % page.size();
    switch (random() % 3) {
      case 0:
        page.erase(at, 1);
        break;
      case 1:
        page[at] = damage[random() % damage.size()];
        break;
      default:
        page.insert(at, 1, damage[random() % damage.size()]);
    }
    if (!page.empty()) {
      expect_same(plan, page, 0, random, shorter);
    }
  }
}

}  // namespace
}  // namespace heapwatch::check::go_expvar
