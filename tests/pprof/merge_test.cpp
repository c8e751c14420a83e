// Profiles that measure the same by other names, units and types.
#include "pprof/merge.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "pprof/encode.h"

namespace heapwatch::pprof {
namespace {

using Types = std::vector<std::pair<std::string, std::string>>;

/// One stack, whose values are 10, 20, ... .
Profile profile_of(const Types& types, const char* period = "space") {
  Profile profile;
  for (const auto& [type, unit] : types) {
    profile.sample_types.push_back({profile.strings.add(type), profile.strings.add(unit)});
  }
  profile.samples.set_type_count(types.size());
  profile.period_type = {profile.strings.add(period), profile.strings.add("bytes")};
  profile.period = 512;
  profile.functions.push_back({.id = 1, .name = profile.strings.add("main")});
  profile.lines.push_back({.function = 0});
  profile.locations.push_back({.id = 1, .line_count = 1});
  profile.samples.add_frame(0);
  for (std::size_t i = 1; i <= types.size(); ++i) {
    profile.samples.add_value(static_cast<std::int64_t>(10 * i));
  }
  profile.samples.finish_sample();
  return profile;
}

const Types go_heap = {{"alloc_objects", "count"},
                       {"alloc_space", "bytes"},
                       {"inuse_objects", "count"},
                       {"inuse_space", "bytes"}};
const Types c_heap = {{"objects", "count"}, {"space", "bytes"}};

std::string types_of(const Profile& profile) {
  std::string text;
  for (const ValueType& type : profile.sample_types) {
    text += std::string(profile.text(type.type)) + "/" + std::string(profile.text(type.unit)) + " ";
  }
  return text + "default " + std::string(profile.text(profile.default_sample_type));
}

TEST(Compatible, GoAndCHeapsHaveWhatIsInUseInCommon) {
  std::string warnings;
  std::vector<Profile> both = {profile_of(go_heap), profile_of(c_heap)};
  ASSERT_TRUE(make_compatible(both, [&](const std::string& text) { warnings += text; }));
  const auto merged = merge(std::move(both));
  ASSERT_TRUE(merged.has_value());
  EXPECT_EQ(types_of(*merged), "inuse_objects/count inuse_space/bytes default inuse_space");
  EXPECT_EQ(merged->samples.size(), 1U);
  EXPECT_THAT(merged->samples.values(0), testing::ElementsAre(40, 60));
  EXPECT_EQ(warnings, "Left out, since not all profiles have it: alloc_objects, alloc_space");
}

TEST(Compatible, TheFirstProfileNamesTheTypes) {
  std::vector<Profile> both = {profile_of(c_heap), profile_of(go_heap)};
  ASSERT_TRUE(make_compatible(both));
  const auto merged = merge(std::move(both));
  ASSERT_TRUE(merged.has_value());
  EXPECT_EQ(types_of(*merged), "objects/count space/bytes default space");
}

TEST(Compatible, NamesThatAreCommonLeaveMeaningAside) {
  std::vector<Profile> both = {profile_of({{"objects", "count"}, {"inuse_space", "bytes"}}),
                               profile_of(c_heap)};
  ASSERT_TRUE(make_compatible(both));
  EXPECT_EQ(types_of(both[0]), "objects/count default objects");
}

TEST(Compatible, APeriodThatDiffersIsForgotten) {
  std::vector<Profile> both = {profile_of(go_heap), profile_of(c_heap, "objects")};
  ASSERT_TRUE(make_compatible(both));
  const auto merged = merge(std::move(both));
  ASSERT_TRUE(merged.has_value());
  EXPECT_EQ(merged->period, 0);
  EXPECT_EQ(merged->period_type, ValueType{});
}

TEST(Compatible, UnitsBecomeTheFinest) {
  std::vector<Profile> both = {profile_of({{"delay", "milliseconds"}}),
                               profile_of({{"delay", "microseconds"}})};
  ASSERT_TRUE(make_compatible(both));
  const auto merged = merge(std::move(both));
  ASSERT_TRUE(merged.has_value());
  EXPECT_THAT(merged->samples.values(0), testing::ElementsAre(10010));
  EXPECT_EQ(types_of(*merged), "delay/microseconds default ");
}

TEST(Compatible, WhatMeasuresOtherThingsIsRefused) {
  std::vector<Profile> both = {profile_of(go_heap), profile_of({{"cpu", "nanoseconds"}})};
  const auto refused = make_compatible(both);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message,
            "profiles have empty common sample type list: [alloc_objects alloc_space "
            "inuse_objects inuse_space] and [cpu] measure different things");
}

TEST(Compatible, OneTypeInUnitsThatDoNotFitIsRefused) {
  std::vector<Profile> both = {profile_of({{"x", "bytes"}}), profile_of({{"x", "seconds"}})};
  const auto refused = make_compatible(both);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message, "sample types: incompatible types {x bytes} {x seconds}");
}

}  // namespace
}  // namespace heapwatch::pprof
