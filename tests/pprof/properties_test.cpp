// What holds of any profile: round trips, totals, differences and merges.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "pprof/encode.h"
#include "pprof/gunzip.h"
#include "pprof/make_report.h"
#include "pprof/merge.h"
#include "pprof/parse.h"
#include "pprof/session.h"
#include "tests/pprof/random_profile.h"

namespace heapwatch::pprof {
namespace {

class Properties : public testing::TestWithParam<unsigned> {};

const ReportSeams silent = {.warn = [](const std::string&) {}};

/// The samples of a profile as text, whatever their order and the numbers of their locations.
std::map<std::string, std::vector<std::int64_t>> contents(const Profile& profile) {
  std::map<std::string, std::vector<std::int64_t>> sums;
  for (std::size_t i = 0; i < profile.samples.size(); ++i) {
    std::string key;
    for (const std::uint32_t frame : profile.samples.frames(i)) {
      const Location& location = profile.locations[frame];
      key += std::to_string(location.address) + ":";
      for (const Line& line : profile.lines_of(location)) {
        key += std::string(profile.text(profile.functions[line.function].name)) + ":" +
               std::to_string(line.line) + ",";
      }
    }
    for (const Label& label : profile.samples.labels(i)) {
      key += "|" + std::string(profile.text(label.key)) + "=" +
             std::string(profile.text(label.text)) + std::to_string(label.number);
    }
    auto& sum = sums.try_emplace(key, profile.sample_types.size()).first->second;
    const auto values = profile.samples.values(i);
    for (std::size_t at = 0; at < sum.size(); ++at) {
      sum[at] += values[at];
    }
  }
  std::erase_if(sums, [](const auto& entry) {
    return std::all_of(entry.second.begin(), entry.second.end(), [](auto v) { return v == 0; });
  });
  return sums;
}

std::int64_t total_of(const Profile& profile, std::size_t type) {
  std::int64_t total = 0;
  for (std::size_t i = 0; i < profile.samples.size(); ++i) {
    total += profile.samples.values(i)[type];
  }
  return total;
}

TEST_P(Properties, WhatIsEncodedReadsBackAsTheSame) {
  const Profile profile = random_profile(GetParam());
  const std::string bytes = encode_proto(profile);
  for (const std::string& input : {bytes, gzip(bytes)}) {
    const auto again = parse_profile(input, {});
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_EQ(encode_proto(*again), bytes);
    EXPECT_EQ(contents(*again), contents(profile));
  }
}

TEST_P(Properties, TheFlatsOfAllRowsSumToTheTotal) {
  const Profile profile = random_profile(GetParam());
  for (const Granularity granularity :
       {Granularity::functions, Granularity::files, Granularity::lines, Granularity::addresses}) {
    ReportRequest request;
    request.options.trim = false;
    request.options.granularity = granularity;
    const auto table = make_table(profile, request, silent);
    ASSERT_TRUE(table.has_value());
    const auto flat =
        std::accumulate(table->rows.begin(), table->rows.end(), std::int64_t{0},
                        [](std::int64_t sum, const TableRow& row) { return sum + row.flat; });
    EXPECT_EQ(flat, total_of(profile, 1));
  }
}

TEST_P(Properties, WhatFlowsIntoANodeFlowsOutOfItOrStays) {
  Profile profile = random_profile(GetParam());
  // Without recursion every call of a stack is one edge of its own.
  profile.samples.filter([&](Samples::Editable& sample) {
    sample.frames = sample.frames.first(std::min<std::size_t>(sample.frames.size(), 1));
    return profile.locations[sample.frames[0]].line_count < 3;
  });
  ReportRequest request;
  request.kind = ReportKind::tree;
  request.options.trim = false;
  const auto table = make_table(profile, request, silent);
  ASSERT_TRUE(table.has_value());
  for (const TableRow& row : table->rows) {
    std::int64_t out = row.flat;
    for (const TableCall& call : row.callees) {
      out += call.value;
    }
    EXPECT_EQ(out, row.cum) << row.name;
  }
}

TEST_P(Properties, AProfileLessItselfIsEmpty) {
  const Profile profile = random_profile(GetParam());
  const auto nothing = subtract(profile, profile, {});
  ASSERT_TRUE(nothing.has_value());
  EXPECT_EQ(nothing->samples.size(), 0U);
  EXPECT_TRUE(nothing->locations.empty());
  const auto told = subtract(profile, profile, {.is_diff_base = true});
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(total_of(*told, 0), 0);
}

TEST_P(Properties, WhatWasSubtractedIsBackWhenItIsAdded) {
  const Profile a = random_profile(GetParam());
  const Profile b = random_profile(GetParam() + 1);
  const auto less = subtract(a, b, {});
  ASSERT_TRUE(less.has_value());
  const auto back = merge({*less, b});
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(contents(*back), contents(a));
}

TEST_P(Properties, MergesAreAssociativeAndCommuteInWhatTheyHold) {
  const Profile a = random_profile(GetParam());
  const Profile b = random_profile(GetParam() + 1);
  const Profile c = random_profile(GetParam() + 2);
  const auto all = merge({a, b, c});
  const auto ab = merge({a, b});
  const auto bc = merge({b, c});
  ASSERT_TRUE(all && ab && bc);
  const auto left = merge({*ab, c});
  const auto right = merge({a, *bc});
  const auto turned = merge({c, b, a});
  ASSERT_TRUE(left && right && turned);
  EXPECT_EQ(contents(*left), contents(*all));
  EXPECT_EQ(contents(*right), contents(*all));
  EXPECT_EQ(contents(*turned), contents(*all));
}

TEST_P(Properties, ASessionTellsTheSameAgainAndAgain) {
  const Profile profile = random_profile(GetParam());
  const Session session{profile};
  for (int round = 0; round < 2; ++round) {
    for (const ReportKind kind : {ReportKind::text, ReportKind::tree, ReportKind::raw,
                                  ReportKind::dot, ReportKind::callgrind, ReportKind::traces}) {
      ReportRequest request;
      request.kind = kind;
      request.options.focus = "f1";
      EXPECT_EQ(session.report(request, silent), make_report(profile, request, silent));
    }
  }
  EXPECT_EQ(encode_proto(session.profile()), encode_proto(profile));
}

TEST_P(Properties, AnyCutProfileIsAnErrorOrAProfile) {
  const std::string bytes = encode_proto(random_profile(GetParam()));
  for (std::size_t size = 0; size < bytes.size(); size += 7) {
    const auto cut = parse_profile(bytes.substr(0, size), {});
    if (cut) {
      continue;
    }
    EXPECT_THAT(cut.error().message, testing::HasSubstr("profile"));
  }
  const std::string zipped = gzip(bytes);
  for (std::size_t size = 2; size < zipped.size(); size += 3) {
    EXPECT_FALSE(parse_profile(zipped.substr(0, size), {}).has_value());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Properties, testing::Range(1U, 9U));

}  // namespace
}  // namespace heapwatch::pprof
