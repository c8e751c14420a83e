#include "pprof/flame/page.h"

#include <gmock/gmock.h>

#include <functional>

#include "pprof/flame/stacks.h"
#include "pprof/flame/tags.h"
#include "tests/pprof/small_profile.h"

namespace heapwatch::pprof::flame {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

const Warn silent = [](const std::string&) {};

std::string data_of(const ReportOptions& options, bool all_types) {
  const auto source = prepare(small_session().profile(), options, silent);
  return source ? make_data(*source, all_types) : source.error().message;
}

TEST(FlameData, HoldsATreeOfBoxesOverSharedNames) {
  EXPECT_EQ(data_of({}, false),
            R"({"labels":["Type: inuse_space"],"views":[{"type":"inuse_space","unit":"bytes",)"
            R"("gained":4096,"lost":0,"count":4,"listed":4,"smallest":0,)"
            R"("boxes":[0,0,4096,0,1,1024,0,2,1024,8,3,3072]}],)"
            R"("texts":["","main.main","/src/main.go","main.middle","main.leaf",)"
            R"("example.com/kit/store.(*Map).grow","/src/kit/store/map.go"],)"
            R"("frames":[[1,2,0],[3,2,0],[4,2,0],[5,6,0]]})");
}

TEST(FlameData, BeginsWithTheChosenTypeAndHasTheOthersBehindIt) {
  ReportOptions options;
  options.sample_index = "alloc_space";
  const std::string data = data_of(options, true);
  std::vector<std::size_t> places;
  for (const char* type : {"alloc_space", "alloc_objects", "inuse_objects", "inuse_space"}) {
    places.push_back(data.find("{\"type\":\"" + std::string(type) + "\""));
  }
  EXPECT_TRUE(std::is_sorted(places.begin(), places.end())) << data;
  EXPECT_NE(places.back(), std::string::npos);
}

TEST(FlameData, FollowsTheFiltersOfReports) {
  ReportOptions options;
  options.focus = "leaf";
  EXPECT_THAT(data_of(options, false), HasSubstr("\"boxes\":[0,0,1024,0,1,1024,0,2,1024]"));
  options.focus = "(";
  EXPECT_EQ(data_of(options, false),
            "parsing focus regexp: error parsing regexp: missing closing ): `(`");
}

TEST(FlamePage, CannotBeEndedByANameInTheProfile) {
  Profile profile = small_session().profile();
  for (Function& function : profile.functions) {
    function.name = profile.strings.add("</script><script>alert(1)</script>");
  }
  const auto source = prepare(std::move(profile), {}, silent);
  const std::string page = make_page(*source);
  EXPECT_THAT(page, HasSubstr(R"(\u003c/script\u003e\u003cscript\u003ealert(1))"));
  EXPECT_THAT(page, Not(HasSubstr("</script><script>alert")));
  EXPECT_THAT(page, StartsWith("<!DOCTYPE html>"));
}

TEST(FlamePage, NamesNoOtherPlace) {
  const auto source = prepare(small_session().profile(), {}, silent);
  const std::string page = make_page(*source);
  for (const char* reference : {"http:", "https:", "src=", "href=", "@import", "url("}) {
    EXPECT_THAT(page, Not(HasSubstr(reference)));
  }
}

/// `count` stacks of their own below one root, of which the i-th weighs i + 1.
Profile wide_profile(std::int64_t count) {
  Profile profile;
  profile.sample_types = {{profile.strings.add("space"), profile.strings.add("bytes")}};
  profile.samples.set_type_count(1);
  const auto add_location = [&](const std::string& name) {
    const auto position = static_cast<std::uint32_t>(profile.functions.size());
    profile.functions.push_back({.id = position + 1, .name = profile.strings.add(name)});
    profile.lines.push_back({.function = position});
    profile.locations.push_back({.id = position + 1, .first_line = position, .line_count = 1});
    return position;
  };
  const std::uint32_t root = add_location("root");
  for (std::int64_t i = 0; i < count; ++i) {
    profile.samples.add_frame(add_location("leaf" + std::to_string(i)));
    profile.samples.add_frame(root);
    profile.samples.add_value(i + 1);
    profile.samples.finish_sample();
  }
  return profile;
}

TEST(FlameStacks, LeavesOutTheSmallestBoxesAndTellsTheirSum) {
  const Profile profile = wide_profile(1000);
  const GraphBuilder builder(profile, {});
  const Tree tree = Stacks(profile, builder).tree({0, false}, 101);
  EXPECT_EQ(tree.box_count, 1001U);
  EXPECT_EQ(tree.gained, 500'500U);
  EXPECT_LE(tree.boxes.size(), 101U);
  EXPECT_GT(tree.boxes.size(), 30U);
  std::uint64_t listed = 0;
  for (const Box& box : tree.boxes) {
    if (box.level == 1) {
      EXPECT_GE(box.gained, tree.width_min);
      listed += box.gained;
    }
  }
  EXPECT_EQ(tree.boxes[0].left_out, 500'500 - listed);
}

/// The profile above, whose samples have a label `key`: of the i-th `value(i)`, none where that is
/// empty.
void label(Profile& profile, std::string_view key,
           const std::function<std::string(std::size_t)>& value) {
  Samples labelled;
  labelled.set_type_count(1);
  for (std::size_t i = 0; i < profile.samples.size(); ++i) {
    for (const std::uint32_t frame : profile.samples.frames(i)) {
      labelled.add_frame(frame);
    }
    labelled.add_value(profile.samples.values(i)[0]);
    for (const Label& old : profile.samples.labels(i)) {
      labelled.add_label(old);
    }
    if (const std::string text = value(i); !text.empty()) {
      labelled.add_label({.key = profile.strings.add(key), .text = profile.strings.add(text)});
    }
    labelled.finish_sample();
  }
  profile.samples = std::move(labelled);
}

std::vector<std::string> names_of(const std::vector<SampleTag>& tags) {
  std::vector<std::string> names;
  for (const SampleTag& tag : tags) {
    names.push_back(tag.key + ":" + tag.value);
  }
  return names;
}

TEST(FlameTags, AreThoseThatTellSamplesApartTheKnownKeysFirstAndTheHeaviestValuesFirst) {
  Profile profile = wide_profile(4);  // weighs 1, 2, 3, 4
  label(profile, "alpha", [](std::size_t i) { return i == 0 ? "rare" : ""; });
  label(profile, "space", [](std::size_t i) {
    return i == 3 ? "native" : i == 0 ? "go" : "python";
  });
  label(profile, "same", [](std::size_t) { return "everywhere"; });
  const std::vector<SampleTag> tags = find_tags(profile, 0);
  EXPECT_THAT(names_of(tags),
              testing::ElementsAre("space:python", "space:native", "space:go", "alpha:rare"));
  EXPECT_EQ(tags[0].samples, (std::vector<bool>{false, true, true, false}));
}

TEST(FlameTags, AreNoMoreThanAMenuCanHold) {
  Profile profile = wide_profile(100);
  for (const char* key : {"a", "b", "c", "d", "e"}) {
    label(profile, key, [](std::size_t i) { return "value" + std::to_string(i); });
  }
  const std::vector<SampleTag> tags = find_tags(profile, 0);
  ASSERT_THAT(tags, SizeIs(tag_keys_max * tag_values_max));
  EXPECT_EQ(tags[0].value, "value99");
  EXPECT_EQ(tags.back().key, "d");
}

TEST(FlameData, HasATreeOfEachTag) {
  Profile profile = wide_profile(3);
  label(profile, "space", [](std::size_t i) { return i == 0 ? "go" : "native"; });
  const auto source = prepare(std::move(profile), {}, silent);
  const std::string data = make_data(*source, true);
  EXPECT_THAT(data, HasSubstr(R"("type":"space","unit":"bytes","gained":6,)"));
  EXPECT_THAT(data, HasSubstr(R"("unit":"bytes","tag":["space","native"],"gained":5,)"));
  EXPECT_THAT(data, HasSubstr(R"("unit":"bytes","tag":["space","go"],"gained":1,)"));
}

TEST(FlameStacks, MakesATreeOfSomeSamplesAlone) {
  const Profile profile = wide_profile(3);
  const GraphBuilder builder(profile, {});
  const Tree tree = Stacks(profile, builder).tree({0, false}, 100, {true, false, true});
  EXPECT_EQ(tree.gained, 4U);
  EXPECT_THAT(tree.boxes, SizeIs(3));
}

TEST(FlameStacks, KeepsGainsAndLossesApart) {
  Profile profile = wide_profile(3);
  profile.samples.values(1)[0] = -5;
  const GraphBuilder builder(profile, {});
  const Tree tree = Stacks(profile, builder).tree({0, false}, 100);
  ASSERT_THAT(tree.boxes, SizeIs(4));
  EXPECT_EQ(tree.boxes[0].gained, 4U);
  EXPECT_EQ(tree.boxes[0].lost, 5U);
  EXPECT_EQ(tree.boxes[2].lost, 5U);
}

}  // namespace
}  // namespace heapwatch::pprof::flame
