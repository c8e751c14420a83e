#include "pprof/web/settings.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace heapwatch::pprof::web {
namespace {

class SettingsTest : public testing::Test {
 protected:
  SettingsTest() : folder_(testing::TempDir() + "settings_test_" + std::to_string(getpid())) {}
  ~SettingsTest() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& text) const {
    std::filesystem::create_directories(folder_ + "/pprof");
    std::ofstream(folder_ + "/pprof/settings.json") << text;
  }
  [[nodiscard]] std::string content() const {
    std::ostringstream out;
    out << std::ifstream(folder_ + "/pprof/settings.json").rdbuf();
    return out.str();
  }
  [[nodiscard]] std::string listed() const {
    std::string out;
    const auto configs = settings_.list();
    if (!configs) {
      return configs.error().message;
    }
    for (const SavedConfig& config : *configs) {
      out += config.name + ": " + config.query + "\n";
    }
    return out;
  }

  std::string folder_;
  Settings settings_{settings_path(folder_, "/nowhere")};
};

TEST_F(SettingsTest, AreWhatWasSaved) {
  ReportOptions options;
  options.focus = "a|\"b\"";
  options.nodecount = 7;
  options.trim = false;
  options.sample_index = "alloc_space";  // of one profile, so it is not kept
  ASSERT_TRUE(settings_.save("mine", options));
  EXPECT_EQ(content(),
            "{\n  \"configs\": [\n    {\n      \"name\": \"mine\",\n"
            "      \"edgefraction\": 0.001,\n      \"focus\": \"a|\\\"b\\\"\",\n"
            "      \"nodecount\": 7,\n      \"nodefraction\": 0.005,\n      \"sort\": \"flat\",\n"
            "      \"unit\": \"minimum\"\n    }\n  ]\n}\n");
  EXPECT_EQ(listed(), "mine: f=a%7C%22b%22&n=7&trim=false\n");
}

TEST_F(SettingsTest, ReplaceAndRemoveByName) {
  ReportOptions options;
  ASSERT_TRUE(settings_.save("a", options));
  options.hide = "x";
  ASSERT_TRUE(settings_.save("b", options));
  ASSERT_TRUE(settings_.save("a", options));
  EXPECT_EQ(listed(), "a: h=x\nb: h=x\n");
  ASSERT_TRUE(settings_.remove("a"));
  EXPECT_EQ(listed(), "b: h=x\n");
  EXPECT_EQ(settings_.remove("a").error().message, "there is no config \"a\"");
  EXPECT_EQ(settings_.save("", options).error().message, "a name of 1 to 200 bytes is needed");
}

TEST_F(SettingsTest, KeepWhatOthersWrote) {
  write(R"({"other":[1.50,null,true],"configs":[{"name":"theirs","nodecount":-1,)"
        R"("nodefraction":0.005,"edgefraction":0.001,"trim":true,"sort":"cum","unit":"minimum",)"
        R"("unknown":{"a":"\u00e9\ud83d\ude00\n"}}]})");
  EXPECT_EQ(listed(), "theirs: sort=cum\n");
  ASSERT_TRUE(settings_.save("mine", {}));
  EXPECT_THAT(content(), testing::HasSubstr("\"other\": [\n    1.50,\n    null,\n    true\n  ]"));
  EXPECT_THAT(content(), testing::HasSubstr("\"a\": \"\xc3\xa9\xf0\x9f\x98\x80\\u000a\""));
}

TEST_F(SettingsTest, AreNotWrittenOverAFileThatIsBroken) {
  for (const auto& [text, message] :
       {std::pair{"{\"configs\":", "no JSON: no value at byte 11"},
        std::pair{"[]", "not an object"}, std::pair{"{\"configs\":3}", "\"configs\" is not a list"},
        std::pair{"{} x", "no JSON: something behind the value at byte 3"},
        std::pair{"{\"a\":\"\\q\"}", "no JSON: an unknown escape at byte 7"},
        std::pair{"{\"a\" 1}", "no JSON: no colon at byte 5"},
        std::pair{"{\"a\":\"", "no JSON: no end of a string at byte 6"}}) {
    write(text);
    EXPECT_EQ(listed(), folder_ + "/pprof/settings.json: " + message);
    EXPECT_FALSE(settings_.save("a", {}));
    EXPECT_EQ(content(), text);
  }
}

TEST_F(SettingsTest, HaveALimitOfLevels) {
  EXPECT_FALSE(parse_json(std::string(100'000, '[')));
  EXPECT_TRUE(parse_json(std::string(60, '[') + std::string(60, ']')));
}

TEST(SettingsPath, IsPprofs) {
  EXPECT_EQ(settings_path("/config", "/home/me"), "/config/pprof/settings.json");
  EXPECT_EQ(settings_path("", "/home/me"), "/home/me/.config/pprof/settings.json");
  EXPECT_EQ(settings_path("", ""), "");
  EXPECT_EQ(Settings("").list()->size(), 0U);
  EXPECT_FALSE(Settings("").save("a", {}));
}

}  // namespace
}  // namespace heapwatch::pprof::web
