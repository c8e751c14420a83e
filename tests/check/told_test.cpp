#include "check/told.h"

#include <gmock/gmock.h>

namespace heapwatch::check {
namespace {

Told everything() {
  return {.metadata = {{"c:1", {{"version", "1.2"}, {"flavor", "x"}}}},
          .telemetry = {{"c.n", {5, true}}, {"c.g", {2, false}}},
          .external_tags = {{"h", {{"s", {"a:b"}}, {"t", {}}}}},
          .issues = {{"c", "{}"}}};
}

Told after(const std::vector<Told>& states) {
  ToldByProcesses told;
  Told before;
  for (const Told& now : states) {
    for (const Telling& telling : changes(before, now)) {
      told.add("c:1", nullptr, telling);
    }
    before = now;
  }
  return told.all();
}

Telling named(Telling::Of of, std::string key, std::string text = {}) {
  return {.of = of, .key = std::move(key), .text = std::move(text), .number = 1, .tags = {}};
}

TEST(Told, ChangesMakeOneStateOfTheOther) {
  EXPECT_THAT(changes(everything(), everything()), testing::IsEmpty());
  EXPECT_EQ(after({everything()}), everything());
  Told later = everything();
  later.metadata["c:1"]["version"] = "1.3";
  later.telemetry["c.n"].value = 7;
  later.telemetry["c.g"].value = 1;
  later.external_tags["h"]["s"] = {"a:c", "d"};
  later.issues.clear();
  EXPECT_EQ(changes(everything(), later).size(), 5U);
  EXPECT_EQ(after({everything(), later}), later);
}

TEST(Told, TotalsGoOnWhenAProcessBeginsAgain) {
  ToldByProcesses told;
  for (int process = 0; process < 2; ++process) {
    for (const Telling& telling : changes({}, everything())) {
      told.add("c:1", nullptr, telling);
    }
  }
  EXPECT_EQ(told.all().telemetry["c.n"], (Figure{10, true}));
  EXPECT_EQ(told.all().telemetry["c.g"], (Figure{2, false}));
}

TEST(Told, AFigureThatTurnsIntoATotalBeginsAnew) {
  ToldByProcesses told;
  told.add("c:1", nullptr, named(Telling::Of::value, "n"));
  told.add("c:1", nullptr, named(Telling::Of::total, "n"));
  EXPECT_EQ(told.all().telemetry["n"], (Figure{1, true}));
}

TEST(Told, MetadataIsThatOfTheCheckThatTellsAndGoesWithIt) {
  ToldByProcesses told;
  for (const char* const id : {"a", "b", "c"}) {
    told.add(id, nullptr, named(Telling::Of::metadata, "version", id));
  }
  told.add("b", nullptr, named(Telling::Of::issue, "b", "it"));
  told.forget("b", nullptr);
  const Told expected{.metadata = {{"a", {{"version", "a"}}}, {"c", {{"version", "c"}}}},
                      .telemetry = {},
                      .external_tags = {},
                      .issues = {{"b", "it"}}};
  EXPECT_EQ(told.all(), expected);
}

TEST(Told, AnOldCheckTakesNothingOfTheOneInItsPlaceWithIt) {
  ToldByProcesses told;
  const int old = 0;
  const int young = 0;
  told.add("a", &old, named(Telling::Of::metadata, "only", "old"));
  told.add("a", &old, named(Telling::Of::metadata, "version", "old"));
  told.add("a", &young, named(Telling::Of::metadata, "version", "young"));
  told.forget("a", &old);
  const std::map<std::string, std::map<std::string, std::string>> expected{
      {"a", {{"version", "young"}}}};
  EXPECT_EQ(told.all().metadata, expected);
}

TEST(Told, MergedTotalsAddUpAndTheRestStandsBesideEachOther) {
  Told all = everything();
  Told others{.metadata = {{"d:1", {{"version", "3"}}}},
              .telemetry = {{"c.n", {1, true}}, {"d.g", {4, false}}},
              .external_tags = {{"h", {{"u", {"x"}}}}},
              .issues = {{"d", "[]"}}};
  merge(all, others);
  Told expected = everything();
  expected.metadata["d:1"]["version"] = "3";
  expected.telemetry["c.n"].value = 6;
  expected.telemetry["d.g"] = {4, false};
  expected.external_tags["h"]["u"] = {"x"};
  expected.issues["d"] = "[]";
  EXPECT_EQ(all, expected);
}

TEST(Told, ProcessesCannotMakeTheAgentRememberWithoutEnd) {
  ToldByProcesses told;
  const std::string text(100'000, 'x');
  for (std::size_t i = 0; i < told_max + 100; ++i) {
    told.add("a", nullptr, named(Telling::Of::metadata, std::to_string(i), text));
  }
  told.add("a", nullptr, named(Telling::Of::value, std::string(told_bytes_max + 1, 'k')));
  std::size_t bytes = 0;
  const Told all = told.all();
  for (const auto& [name, value] : all.metadata.at("a")) {
    bytes += name.size() + value.size();
    EXPECT_LE(value.size(), told_bytes_max + 100);
  }
  EXPECT_GT(bytes, 1'000'000U);
  EXPECT_LE(bytes, told_by_processes_bytes_max);
  EXPECT_TRUE(all.telemetry.empty());

  told.forget("a", nullptr);
  for (std::size_t i = 0; i < told_max + 100; ++i) {
    told.add("a", nullptr, named(Telling::Of::value, std::to_string(i)));
  }
  EXPECT_EQ(told.all().telemetry.size(), told_max);
  told.add("a", nullptr, named(Telling::Of::total, "7"));
  EXPECT_TRUE(told.all().telemetry["7"].is_total);
}

}  // namespace
}  // namespace heapwatch::check
