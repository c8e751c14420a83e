#include "pprof/flame/page.h"

#include <gmock/gmock.h>

#include "pprof/flame/stacks.h"
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
