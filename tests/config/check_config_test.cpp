#include "config/check_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "config/secrets.h"
#include "diagnostics_text.h"
#include "tests/testing/temporary_folder.h"

namespace heapwatch::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view good = "instances: [{expvar_url: a}]\n";

/// An instance that no other text has.
std::string instance(std::string_view name) {
  return "instances: [{expvar_url: " + std::string(name) + "}]\n";
}

class ConfdTest : public ::testing::Test {
 protected:
  /// `check file expvar_url...` of all that loads.
  std::vector<std::string> load() {
    Confd confd = load_confd(folder_.path(), options_);
    said_ = lines(confd.diagnostics);
    const std::string root = folder_.path().string() + "/";
    for (std::string& line : said_) {
      for (auto at = line.find(root); at != std::string::npos; at = line.find(root)) {
        line.erase(at, root.size());
      }
    }
    std::vector<std::string> loaded;
    for (const PackedCheckConfig& packed : confd.checks) {
      const CheckConfig check = packed.unpack();
      loaded.push_back(check.check_name + " " + check.file.string().substr(root.size()));
      for (const Value& value : check.instances) {
        const Value* const url = value.find("expvar_url");
        loaded.back() += " " + (url == nullptr ? "-" : url->text);
      }
    }
    return loaded;
  }

  heapwatch::tests::TemporaryFolder folder_;
  ConfdOptions options_;
  std::vector<std::string> said_;
};

TEST_F(ConfdTest, LoadsFoldersAndFilesOfChecksInTheOrderOfNames) {
  folder_.write("go_expvar.d/b.yml", instance("2"));
  folder_.write("go_expvar.d/a.yaml", "instances: [{expvar_url: 1}, {expvar_url: x}]");
  folder_.write("go_expvar.yaml", instance("3"));
  folder_.write("disk.yml", instance("4"));
  EXPECT_THAT(load(), ElementsAre("disk disk.yml 4", "go_expvar go_expvar.d/a.yaml 1 x",
                                  "go_expvar go_expvar.d/b.yml 2", "go_expvar go_expvar.yaml 3"));
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(ConfdTest, WhatEverybodyMayWriteIsAWarning) {
  folder_.write("a.d/conf.yaml", instance("1"), 0606);
  folder_.write("b.d/conf.yaml", instance("2"));
  ::chmod((folder_ / "b.d").c_str(), 01777);
  EXPECT_THAT(load(), ElementsAre("a a.d/conf.yaml 1", "b b.d/conf.yaml 2"));
  const std::string told =
      ": may be written by everybody, who so decide what the agent does "
      "(chmod o-w)";
  EXPECT_THAT(said_, ElementsAre("warning b.d" + told, "warning a.d/conf.yaml" + told));
}

TEST_F(ConfdTest, LeavesOtherFilesAlone) {
  for (const char* name :
       {"a.d/conf.yaml.example", "a.d/conf.YAML", "a.d/metrics.yaml", "a.d/.hidden.yaml",
        "a.d/conf.yaml~", "a.d/conf.yaml.bak", "a.d/yaml", "a.d/conf.json", "a.d/deep/conf.yaml",
        "a.d/conf.yaml.d/x.yaml", "b/conf.yaml", ".c.d/conf.yaml", ".d/conf.yaml", "README",
        "auto_conf.yaml", "metrics.yaml", "e.yaml.example", "a.d/conf.default"}) {
    folder_.write(name, "[ wrong");
  }
  EXPECT_THAT(load(), IsEmpty());
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(ConfdTest, ADefaultFileLoadsOnlyWhenNoOtherFileOfTheCheckDoes) {
  folder_.write("a.d/conf.yaml.default", instance("default"));
  folder_.write("b.d/conf.yaml.default", instance("default"));
  folder_.write("b.d/conf.yaml", instance("own"));
  folder_.write("c.d/conf.yml.default", instance("default"));
  folder_.write("c.d/conf.yaml", "instances: 1");
  folder_.write("d.d/conf.yaml.default", instance("default"));
  folder_.write("d.d/logs.yaml", "logs: [{type: file}]");
  folder_.write("d.d/metrics.yaml", "jmx_metrics: []");
  folder_.write("e.d/conf.yaml.default", instance("default"));
  folder_.write("e.d/auto_conf.yaml", "ad_identifiers: [x]");
  folder_.write("f.d/conf.yaml.default", instance("default"));
  folder_.write("f.yaml", instance("own"));
  folder_.write("g.d/a.yaml.default", instance("1"));
  folder_.write("g.d/b.yaml.default", instance("2"));
  EXPECT_THAT(load(),
              ElementsAre("a a.d/conf.yaml.default default", "b b.d/conf.yaml own",
                          "c c.d/conf.yml.default default", "d d.d/conf.yaml.default default",
                          "f f.yaml own", "g g.d/a.yaml.default 1", "g g.d/b.yaml.default 2"));
  EXPECT_THAT(said_, ElementsAre("error c.d/conf.yaml:1:12: instances must be a list (\"- \" "
                                 "before each instance), not 1"));
}

TEST_F(ConfdTest, AWrongFileCostsOnlyItselfAndIsNotForgotten) {
  folder_.write("a.d/1.yaml", "instances: [");
  folder_.write("a.d/2.yaml", good);
  folder_.write("b.d/1.yaml", "init_config: [1]\ninstances: [x]\n");
  folder_.write("c.yaml", "instances:\n  - {a: b}\n  - 5\n");
  std::filesystem::create_symlink("nowhere", folder_ / "d.yaml");
  std::filesystem::create_symlink("/dev/null", folder_ / "e.yaml");
  EXPECT_THAT(load(), ElementsAre("a a.d/2.yaml a"));
  EXPECT_THAT(
      said_,
      ElementsAre("error a.d/1.yaml:1:12: the \"[\" here is not closed",
                  "error b.d/1.yaml:1:14: init_config must be a map of keys and values, not a list",
                  "error b.d/1.yaml:2:13: instances -> 1 must be a map of keys and values, not "
                  "\"x\"",
                  "error c.yaml:3:5: instances -> 2 must be a map of keys and values, not 5",
                  "error d.yaml: No such file or directory", "error e.yaml: is no regular file"));
}

TEST_F(ConfdTest, AFileWithoutInstancesIsAnErrorUnlessItIsEmptyOrForOthers) {
  folder_.write("a.yaml", "");
  folder_.write("b.yaml", "# nothing\n");
  folder_.write("c.yaml", "init_config:\ninstances: []\n");
  folder_.write("d.yaml", "init_config:\ninstances:\n");
  folder_.write("e.yaml", "logs: []");
  folder_.write("f.yaml", "jmx_metrics: []\ninstances:\n");
  folder_.write("g.yaml", "instances: {expvar_url: a}");
  folder_.write("h.yaml", "- a");
  EXPECT_THAT(load(), IsEmpty());
  EXPECT_THAT(
      said_,
      ElementsAre("error b.yaml: configuration file contains no valid instances",
                  "error c.yaml:2:12: configuration file contains no valid instances",
                  "error d.yaml:2:1: configuration file contains no valid instances",
                  "error g.yaml:1:12: instances must be a list (\"- \" before each "
                  "instance), not a map",
                  "error h.yaml:1:1: the file must be a map of keys and values, not a list"));
}

TEST_F(ConfdTest, AnInstanceMayBeEmpty) {
  folder_.write("a.yaml", "instances: [{}]");
  folder_.write("b.yaml", "instances:\n  -\n");
  EXPECT_THAT(load(), ElementsAre("a a.yaml -", "b b.yaml -"));
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(ConfdTest, KeysWrittenTwiceOrUnknownAreWarnings) {
  folder_.write("a.yaml",
                "init_config:\ninstances: [{expvar_url: 1}]\ninstances: [{expvar_url: 2}]\n"
                "init_confg: {}\ncluster_check: true\nignore_autodiscovery_tags: no\n"
                "check_tag_cardinality: low\n");
  EXPECT_THAT(load(), ElementsAre("a a.yaml 2"));
  EXPECT_THAT(said_, ElementsAre("warning a.yaml:3:1: key \"instances\" is there twice (first in "
                                 "line 2); the last one wins",
                                 "warning a.yaml:4:1: unknown key \"init_confg\"; did you mean "
                                 "\"init_config\"?"));
}

TEST_F(ConfdTest, TemplatesForAutodiscoveryAreNotLoaded) {
  for (const char* key : {"advanced_ad_identifiers", "docker_images"}) {
    const std::string name = std::string(key) + ".yaml";
    folder_.write(name, std::string(good) + key + ": [x]\n");
  }
  EXPECT_THAT(load(), IsEmpty());
  const std::string begin = "a template for Autodiscovery by ";
  const std::string end = ", which heapwatch does not do; not loaded";
  EXPECT_THAT(said_,
              ElementsAre("warning advanced_ad_identifiers.yaml:2:26: " + begin +
                              "advanced_ad_identifiers" + end,
                          "warning docker_images.yaml:2:16: " + begin + "docker_images" + end));
}

TEST_F(ConfdTest, IdentifiersOfAFileAreThoseOfEachOfItsInstances) {
  Diagnostics diagnostics;
  const auto file = parse_check_config(
      "ad_identifiers: [shop]\ninstances:\n  - {a: 1}\n  - {b: 2, discover: {scheme: https}}\n"
      "  - {c: 3, discover: {ad_identifiers: [own]}}\n",
      "f.yaml", {}, diagnostics);
  ASSERT_TRUE(file);
  ASSERT_EQ(file->instances.size(), 3U);
  EXPECT_EQ(to_yaml(file->instances[0]), "a: 1\ndiscover:\n  ad_identifiers:\n    - shop\n");
  EXPECT_EQ(to_yaml(file->instances[1]),
            "b: 2\ndiscover:\n  scheme: https\n  ad_identifiers:\n    - shop\n");
  EXPECT_EQ(to_yaml(file->instances[2]), "c: 3\ndiscover:\n  ad_identifiers:\n    - own\n");
}

TEST_F(ConfdTest, AFolderThatIsNotThereIsAnError) {
  const Confd confd = load_confd(folder_ / "absent", {});
  EXPECT_THAT(confd.checks, IsEmpty());
  EXPECT_THAT(lines(confd.diagnostics), ElementsAre("error " + (folder_ / "absent").string() +
                                                    ": No such file or directory"));
}

TEST_F(ConfdTest, TheSameInstanceRunsOnce) {
  folder_.write("a.d/1.yaml", "instances:\n  - expvar_url: x\n  - expvar_url: x\n");
  folder_.write("a.d/2.yaml", "instances:\n  - expvar_url: x\n");
  folder_.write("a.d/3.yaml", "init_config: {timeout: 1}\ninstances: [{expvar_url: x}]\n");
  folder_.write("b.yaml", "instances: [{expvar_url: x}]\n");
  EXPECT_THAT(load(), ElementsAre("a a.d/1.yaml x", "a a.d/3.yaml x", "b b.yaml x"));
  EXPECT_THAT(said_, ElementsAre("warning a.d/1.yaml:3:5: the same instance stands at "
                                 "a.d/1.yaml:2; it runs once",
                                 "warning a.d/2.yaml:2:5: the same instance stands at "
                                 "a.d/1.yaml:2; it runs once"));
}

TEST_F(ConfdTest, AsksForTheSecretsOfAFileTogether) {
  SecretsConfig config;
  config.command = folder_.write("backend",
                                 "#!/bin/sh\necho call >> \"$0.calls\"\n"
                                 R"(printf '{"a":{"value":"A"},"b":{"value":"B"}}')",
                                 0700);
  SecretResolver secrets(config);
  options_.secrets = &secrets;
  folder_.write("a.yaml", "init_config: {password: 'ENC[a]'}\ninstances: [{expvar_url: 'ENC[b]'}]");
  folder_.write("b.yaml", "instances: [{expvar_url: 'ENC[none]'}]");
  folder_.write("c.yaml", good);
  EXPECT_THAT(load(), ElementsAre("a a.yaml B", "c c.yaml a"));
  EXPECT_EQ(folder_.read("backend.calls"), "call\ncall\n");
  EXPECT_THAT(said_, ElementsAre("error b.yaml:1:26: no secret for ENC[none]: backend did not "
                                 "answer for it"));
}

TEST_F(ConfdTest, SecretsOfChecksCanBeSkipped) {
  SecretsConfig config;
  config.skip_checks = true;
  SecretResolver secrets(config);
  options_.secrets = &secrets;
  folder_.write("a.yaml", "instances: [{expvar_url: 'ENC[b]'}]");
  EXPECT_THAT(load(), ElementsAre("a a.yaml ENC[b]"));
}

/// One file's text.
class ParseCheckConfigTest : public ::testing::Test {
 protected:
  ParseCheckConfigTest() {
    options_.environment = [this](std::string_view name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      return found == variables_.end() ? std::nullopt : std::optional(found->second);
    };
  }
  std::optional<CheckConfig> parse(std::string_view text) {
    diagnostics_ = {};
    auto config = parse_check_config(text, "f.yaml", options_, diagnostics_);
    if (config) {
      config->check_name = "go_expvar";
    }
    return config;
  }
  std::string id(std::string_view text) {
    const auto config = parse(text);
    return config ? check_id(*config, config->instances.front()) : "";
  }
  [[nodiscard]] std::vector<std::string> said() const { return lines(diagnostics_); }

  ConfdOptions options_;
  std::map<std::string, std::string, std::less<>> variables_;
  Diagnostics diagnostics_;
};

TEST_F(ParseCheckConfigTest, PutsVariablesInAnywhereInAValue) {
  variables_ = {{"HOST", "h"}, {"PORT", "80"}, {"A.b-C_1", "x"}, {"EMPTY", ""}, {"T", "%%env_T%%"}};
  const auto config = parse(
      "init_config: {a: '%%env_A.b-C_1%%'}\n"
      "instances:\n"
      "  - url: http://%%env_HOST%%:%%env_PORT%%/%%env_EMPTY%%\n"
      "    list: ['%%env_PORT%%', '%%env_T%%', '%%env_a b%%env_HOST%%', '%%env_%%', '%%env_HOST', "
      "'%%host%%', '100%%']\n"
      "    '%%env_HOST%%': key\n");
  EXPECT_THAT(said(), IsEmpty());
  ASSERT_TRUE(config);
  EXPECT_EQ(to_yaml(config->init_config), "a: \"x\"\n");
  EXPECT_EQ(to_yaml(config->instances[0]),
            "url: \"http://h:80/\"\nlist:\n  - \"80\"\n  - \"%%env_T%%\"\n  - \"%%env_a bh\"\n"
            "  - \"%%env_%%\"\n  - \"%%env_HOST\"\n  - \"%%host%%\"\n  - \"100%%\"\n"
            "\"%%env_HOST%%\": key\n");
}

TEST_F(ParseCheckConfigTest, AVariableThatIsNotSetIsAnErrorOfTheFile) {
  EXPECT_FALSE(parse("instances:\n  - url: a%%env_NOT_SET%%\n"));
  EXPECT_THAT(said(), ElementsAre("error f.yaml:2:10: environment variable NOT_SET is not set"));
}

TEST_F(ParseCheckConfigTest, VariablesCanBeLimitedAndLeftAlone) {
  variables_ = {{"A", "1"}, {"B", "2"}};
  options_.allowed_env_vars = {"A"};
  EXPECT_EQ(parse("instances: [{a: 'x%%env_A%%'}]")->instances[0].find("a")->text, "x1");
  EXPECT_FALSE(parse("instances: [{a: 'x%%env_B%%'}]"));
  EXPECT_THAT(said(), ElementsAre("error f.yaml:1:17: environment variable B is not in "
                                  "ad_allowed_env_vars"));
  options_.resolve_env_vars = false;
  EXPECT_EQ(parse("instances: [{a: 'x%%env_B%%'}]")->instances[0].find("a")->text, "x%%env_B%%");
}

TEST_F(ParseCheckConfigTest, WithoutAResolverASecretIsAnErrorOfTheFile) {
  EXPECT_FALSE(parse("instances: [{a: 'ENC[h]'}]"));
  EXPECT_THAT(said(), ElementsAre("error f.yaml:1:17: no secret for ENC[h]: "
                                  "secret_backend_command is not set"));
}

TEST_F(ParseCheckConfigTest, KeepsBothPartsAndItsFile) {
  const auto config = parse("init_config: {a: 1}\ninstances: [{b: 2}, {c: 3}]");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->file, "f.yaml");
  EXPECT_EQ(to_yaml(config->init_config), "a: 1\n");
  ASSERT_EQ(config->instances.size(), 2U);
  EXPECT_EQ(to_yaml(config->instances[1]), "c: 3\n");
  EXPECT_EQ(parse(good)->init_config.kind, Value::Kind::map);
}

TEST_F(ParseCheckConfigTest, CheckIdsStayTheSameForEver) {
  EXPECT_EQ(id("instances: [{expvar_url: a}]"), "go_expvar:4ce62cb3f9e93f");
  EXPECT_EQ(id("# other text\ninit_config: {}\ninstances:\n  - expvar_url:   a # same\n"),
            "go_expvar:4ce62cb3f9e93f");
  EXPECT_EQ(id("instances: [{expvar_url: a, namespace: datadog.agent}]"),
            "go_expvar:datadog.agent:7e8d1bb18cc89b41");
  EXPECT_EQ(id("instances: [{expvar_url: a, namespace: n, name: me}]"),
            "go_expvar:me:4cda7742c14c2f43");
}

TEST_F(ParseCheckConfigTest, CheckIdsTellApartWhatDiffers) {
  const std::string one = id("instances: [{a: 1}]");
  EXPECT_NE(one, id("instances: [{a: 2}]"));
  EXPECT_NE(one, id("instances: [{a: '1'}]"));
  EXPECT_NE(one, id("init_config: {b: 1}\ninstances: [{a: 1}]"));
  CheckConfig other = *parse("instances: [{a: 1}]");
  other.check_name = "disk";
  EXPECT_NE(one.substr(one.rfind(':')), check_id(other, other.instances[0]).substr(4));
}

TEST_F(ParseCheckConfigTest, ACheckIdHoldsNoSecret) {
  heapwatch::tests::TemporaryFolder folder;
  SecretsConfig config;
  config.command =
      folder.write("backend", "#!/bin/sh\nprintf '{\"h\":{\"value\":\"hunter2\"}}'\n", 0700);
  SecretResolver secrets(config);
  options_.secrets = &secrets;
  const std::string secret = id("instances: [{namespace: 'ENC[h]'}]");
  options_.secrets = nullptr;
  EXPECT_EQ(secret, "go_expvar:98f6ac6d4dd39a4b");
}

}  // namespace
}  // namespace heapwatch::config
