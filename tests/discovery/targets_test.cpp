#include "discovery/targets.h"

#include <gmock/gmock.h>

namespace heapwatch::discovery {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string message(const base::Result<Groups>& read) {
  return read ? "it was read" : read.error().message;
}

TEST(TargetList, JsonAndYamlSayTheSame) {
  const Groups expected{{.addresses = {"a:1", "b"}, .labels = {{"env", "prod"}, {"x", "é"}}},
                        {.addresses = {"c:2"}, .labels = {}}};
  const auto json = parse_json_list(
      R"([{"targets": ["a:1", "b"], "labels": {"env": "prod", "x": "\u00e9"}}, {"targets": ["c:2"]}])",
      {});
  ASSERT_TRUE(json) << message(json);
  EXPECT_EQ(*json, expected);
  const auto yaml = parse_yaml_list(
      "- targets: ['a:1', b]\n  labels:\n    env: prod\n    x: é\n- targets:\n  - c:2\n", {});
  ASSERT_TRUE(yaml) << message(yaml);
  EXPECT_EQ(*yaml, expected);
}

TEST(TargetList, EmptyListsAndTextsAndNullHaveNoTargets) {
  for (const std::string_view text : {"[]", "null", R"([{"targets": null, "labels": null}])"}) {
    const auto read = parse_json_list(text, {});
    ASSERT_TRUE(read) << text << ": " << message(read);
    EXPECT_EQ(count_targets(*read), 0U);
  }
  for (const std::string_view text : {"", "# nothing\n", "[]"}) {
    EXPECT_TRUE(parse_yaml_list(text, {})) << text;
  }
  EXPECT_FALSE(parse_json_list("", {}));
}

TEST(TargetList, ScalarsOfYamlAreTexts) {
  const auto read =
      parse_yaml_list("- targets: [1]\n  labels: {port: 80, on: true, none: ~}\n", {});
  ASSERT_TRUE(read) << message(read);
  EXPECT_EQ(
      *read,
      (Groups{{.addresses = {"1"}, .labels = {{"none", ""}, {"on", "true"}, {"port", "80"}}}}));
}

TEST(TargetList, WhatIsWrongIsToldWithItsGroup) {
  const auto json = [](std::string_view text) { return message(parse_json_list(text, {})); };
  EXPECT_EQ(json(R"({"targets": []})"), "must be a list of groups, not an object");
  EXPECT_EQ(json(R"([{}, 3])"), "group 2 is no object, but a number");
  EXPECT_EQ(json(R"([null])"), "group 1 is no object, but null");
  EXPECT_EQ(json(R"([{"targets": "a"}])"), "group 1 has targets that are no list, but a text");
  EXPECT_EQ(json(R"([{"targets": [1]}])"), "group 1 has a target that is no text, but a number");
  EXPECT_EQ(json(R"([{"targets": [""]}])"),
            "group 1 has a target without a text, or of more than 1024 bytes");
  EXPECT_EQ(json(R"([{"labels": {"a": 1}}])"),
            "group 1 has a label \"a\" that is no text, but a number");
  EXPECT_EQ(json(R"([{"labels": {"a-b": "x"}}])"),
            "group 1 has a label \"a-b\", which is not the name of one: letters, digits and "
            "\"_\", no digit first");
  EXPECT_EQ(json(R"([{"target": []}])"),
            "group 1 has a key \"target\"; only \"targets\" and \"labels\" are known");
  EXPECT_THAT(json("[{"), HasSubstr("no JSON at byte 2: "));
  EXPECT_THAT(json("[]x"), HasSubstr("no JSON at byte 2: "));
  EXPECT_THAT(message(parse_yaml_list("- targets: [\n", {})), HasSubstr("line "));
  EXPECT_EQ(message(parse_yaml_list("- labels: [a]\n", {})),
            "group 1 has labels that are no map, but a list");
}

TEST(TargetList, LimitsAreTold) {
  EXPECT_EQ(message(parse_json_list(R"([{"targets": ["a", "b"]}, {"targets": ["c"]}])",
                                    {.targets_max = 2})),
            "more than 2 targets, which is the limit of max_targets");
  std::string labels;
  for (std::size_t i = 0; i <= group_labels_max; ++i) {
    labels += (i == 0 ? "" : ",") + ("\"l" + std::to_string(i)) + "\": \"x\"";
  }
  EXPECT_EQ(message(parse_json_list("[{\"labels\": {" + labels + "}}]", {})),
            "group 1 has more than 250 labels");
  const std::string deep(3'000'000, '[');
  EXPECT_THAT(message(parse_json_list(deep, {})), HasSubstr("no JSON"));
}

TEST(TargetList, WrittenItReadsBack) {
  const Groups groups{{.addresses = {"a:1"}, .labels = {{"x", "\"\\\n<é>"}}},
                      {.addresses = {}, .labels = {}}};
  const auto read = parse_json_list(to_json(groups), {});
  ASSERT_TRUE(read) << message(read);
  EXPECT_EQ(*read, groups);
}

}  // namespace
}  // namespace heapwatch::discovery
