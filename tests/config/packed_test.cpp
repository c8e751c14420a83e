#include "config/packed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "config/check_config.h"

namespace heapwatch::config {
namespace {

/// All that a value knows, one line a node.
std::string everything(const Value& value, const std::string& path = "") {
  const auto place = [](const auto& of) {
    return " " + std::to_string(of.line) + ":" + std::to_string(of.column) +
           (of.quoted ? " quoted" : "");
  };
  std::string all = path + " kind " + std::to_string(static_cast<int>(value.kind)) + place(value) +
                    " [" + value.text + "] [" + value.secret_handle + "]\n";
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    all += everything(value.items[i], path + "/" + std::to_string(i));
  }
  for (const Value::Member& member : value.members) {
    all += path + " key [" + member.key + "]" + place(member) + "\n";
    all += everything(member.value, path + "/" + member.key);
  }
  return all;
}

Value through_bytes(const Value& value) {
  CheckConfig config;
  config.init_config = Value::scalar("before");
  config.instances = {value, Value::scalar("behind")};
  CheckConfig back = PackedCheckConfig(config).unpack();
  EXPECT_EQ(everything(back.init_config), everything(config.init_config));
  EXPECT_EQ(back.instances.size(), 2U);
  EXPECT_EQ(everything(back.instances.back()), everything(config.instances.back()));
  return std::move(back.instances.front());
}

TEST(PackedCheckConfig, ComesBackWithAllThatItKnew) {
  const std::string long_text(70'000, 'x');
  Diagnostics diagnostics;
  Value value = parse_yaml(
      "a: 1\n'b': \"two\"\nempty: {}\nnone: []\nnothing:\nlist:\n- {path: x/y, "
      "'tags': [a, \"b:\\0c\"]}\n- [[deep]]\nlong: " +
          long_text + "\n",
      "f", diagnostics);
  ASSERT_FALSE(diagnostics.has_errors());
  value.members[0].value.secret_handle = "handle";
  const Value back = through_bytes(value);
  EXPECT_EQ(everything(back), everything(value));
  EXPECT_THAT(everything(back), testing::HasSubstr("/a kind 1 1:4 [1] [handle]\n"));
  EXPECT_EQ(to_yaml(back), to_yaml(value));
}

TEST(PackedCheckConfig, KeepsAValueThatIsFromNoFile) {
  EXPECT_EQ(everything(through_bytes(Value())), everything(Value()));
  EXPECT_EQ(everything(through_bytes(Value::scalar("", true))),
            everything(Value::scalar("", true)));
}

TEST(PackedCheckConfig, HasTheSameIdsAndFingerprints) {
  Diagnostics diagnostics;
  const auto config = parse_check_config(
      "init_config: {timeout: 3}\ninstances:\n- expvar_url: http://a\n  metrics: [{path: p}]\n- "
      "expvar_url: http://b\n",
      "go_expvar.yaml", {}, diagnostics);
  ASSERT_TRUE(config);
  const CheckConfig back = PackedCheckConfig(*config).unpack();
  EXPECT_EQ(back.check_name, config->check_name);
  EXPECT_EQ(back.file, config->file);
  ASSERT_EQ(back.instances.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(check_id(back, back.instances[i]), check_id(*config, config->instances[i]));
    EXPECT_EQ(check_fingerprint(back, back.instances[i]),
              check_fingerprint(*config, config->instances[i]));
  }
}

TEST(PackedCheckConfig, GivesAnyInstancesOfManyAlone) {
  CheckConfig config;
  config.init_config = Value::scalar("init");
  constexpr std::size_t many = 1'000;
  for (std::size_t i = 0; i < many; ++i) {
    Value instance = Value::scalar("instance " + std::to_string(i));
    instance.line = static_cast<int>(7 * i + 1);
    config.instances.push_back(std::move(instance));
  }
  const PackedCheckConfig packed(config);
  const CheckConfig all = packed.unpack();
  ASSERT_EQ(all.instances.size(), many);
  for (const auto& [begin, end] : std::vector<std::pair<std::size_t, std::size_t>>{
           {0, many}, {0, 0}, {0, 1}, {63, 65}, {64, 128}, {500, 501}, {999, many}, {many, many}}) {
    const CheckConfig some = packed.unpack(begin, end);
    EXPECT_EQ(everything(some.init_config), everything(config.init_config));
    ASSERT_EQ(some.instances.size(), end - begin);
    for (std::size_t i = begin; i < end; ++i) {
      EXPECT_EQ(everything(some.instances[i - begin]), everything(config.instances[i]));
    }
  }
}

TEST(PackedCheckConfig, MayHaveNoInstances) {
  CheckConfig config;
  config.init_config = Value::scalar("alone");
  const CheckConfig back = PackedCheckConfig(config).unpack();
  EXPECT_EQ(everything(back.init_config), everything(config.init_config));
  EXPECT_TRUE(back.instances.empty());
}

}  // namespace
}  // namespace heapwatch::config
