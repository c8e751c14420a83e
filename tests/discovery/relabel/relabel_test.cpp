#include "discovery/relabel/relabel.h"

#include <gmock/gmock.h>

namespace heapwatch::discovery::relabel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

struct Read {
  std::optional<Rules> rules;
  std::vector<std::string> messages;
};

Read read(const std::string& text) {
  config::Diagnostics diagnostics;
  const config::Value value = config::parse_yaml(text, "f.yaml", diagnostics);
  config::Section section(value, "f.yaml", diagnostics);
  Read read{.rules = read_rules(section, "relabel_configs"), .messages = {}};
  for (const config::Diagnostic& one : diagnostics.all()) {
    read.messages.push_back(config::to_text(one));
  }
  return read;
}

TEST(Relabel, NoRulesLeaveTheLabelsAsTheyAreWithoutTheEmptyOnes) {
  const auto made = apply({}, {{"a", "1"}, {"b", ""}});
  ASSERT_TRUE(made && *made);
  EXPECT_THAT(**made, ElementsAre(Pair("a", "1")));
}

/// Debian's Prometheus looks for a label of the name "$1" here; later ones do as we do.
TEST(Relabel, AnEmptyValueRemovesTheLabelOfTheNameThatComesOut) {
  const Read made = read(
      "relabel_configs:\n"
      "  - {source_labels: [b], regex: '(x)', target_label: $1, replacement: ''}\n");
  ASSERT_TRUE(made.rules);
  const auto applied = apply(*made.rules, {{"b", "x"}, {"x", "there"}});
  ASSERT_TRUE(applied && *applied);
  EXPECT_THAT(**applied, ElementsAre(Pair("b", "x")));
}

TEST(Relabel, AnErrorNamesItsPlaceAndWhatWouldBeRight) {
  EXPECT_THAT(read("relabel_configs:\n  - action: hashmod\n    target_label: x\n").messages,
              ElementsAre("f.yaml:2:5: relabel_configs -> 1 -> modulus is missing, or 0, for the "
                          "action hashmod"));
  EXPECT_THAT(read("relabel_configs:\n  - {action: kep, regex: a}\n").messages,
              ElementsAre("f.yaml:2:14: relabel_configs -> 1 -> action must be one of replace, "
                          "keep, drop, keepequal, dropequal, hashmod, labelmap, labeldrop, "
                          "labelkeep, lowercase, uppercase, not \"kep\"; did you mean \"keep\"?"));
  EXPECT_THAT(read("relabel_configs:\n  - {target_label: a, regex: '('}\n").messages,
              ElementsAre(HasSubstr("f.yaml:2:30: relabel_configs -> 1 -> regex must be a regular "
                                    "expression (RE2): ")));
}

TEST(Relabel, AnUnknownKeyIsAWarning) {
  const Read made = read("relabel_configs:\n  - {target_label: a, replacment: b}\n");
  EXPECT_TRUE(made.rules);
  EXPECT_THAT(made.messages, ElementsAre(HasSubstr("unknown key \"replacment\"")));
}

TEST(Relabel, RulesThatGrowALabelWithoutEndMeetALimit) {
  std::string text = "relabel_configs:\n";
  for (int i = 0; i < 40; ++i) {
    text += "  - {source_labels: [a], target_label: a, replacement: '$1$1'}\n";
  }
  const Read made = read(text);
  ASSERT_TRUE(made.rules);
  const auto applied = apply(*made.rules, {{"a", "xy"}});
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().message, "a label \"a\" of more than 16384 bytes");
  EXPECT_EQ(applied.error().kind, base::ErrorKind::limit);
}

TEST(Relabel, RulesThatMapLabelsWithoutEndMeetALimit) {
  std::string text = "relabel_configs:\n";
  for (int i = 0; i < 12; ++i) {
    text += "  - {action: labelmap, regex: '(.*)', replacement: 'p" + std::to_string(i) + "_$1'}\n";
  }
  const Read made = read(text);
  ASSERT_TRUE(made.rules);
  const auto applied = apply(*made.rules, {{"a", "x"}, {"b", "y"}});
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().message, "more than 256 labels");
}

TEST(Relabel, MoreRulesThanThereMayBeAreAnError) {
  std::string text = "relabel_configs:\n";
  for (std::size_t i = 0; i <= rules_max; ++i) {
    text += "  - {target_label: a}\n";
  }
  EXPECT_THAT(read(text).messages,
              ElementsAre(HasSubstr("relabel_configs has more than 1000 rules")));
}

TEST(Relabel, TextThatIsNoUtf8ComesOutReadable) {
  const Read made =
      read("relabel_configs:\n  - {action: lowercase, source_labels: [a], target_label: b}\n");
  const auto applied = apply(*made.rules, {{"a", "A\xff"}});
  ASSERT_TRUE(applied && *applied);
  EXPECT_EQ((*applied)->at("b"), "a\xef\xbf\xbd");
}

}  // namespace
}  // namespace heapwatch::discovery::relabel
