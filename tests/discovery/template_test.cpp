#include "discovery/template.h"

#include <gmock/gmock.h>

#include "discovery/selection.h"

namespace heapwatch::discovery {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct ReadTemplate {
  std::optional<Template> made;
  std::vector<std::string> messages;
};

ReadTemplate read(const std::string& text, const std::string& check = "go_expvar") {
  config::Diagnostics diagnostics;
  auto file = config::parse_check_config(text, "f.yaml", {}, diagnostics);
  ReadTemplate read;
  if (file) {
    file->check_name = check;
    const config::AgentConfig agent;
    read.made = read_template({*file, file->instances.front(), agent}, diagnostics);
  }
  for (const config::Diagnostic& one : diagnostics.all()) {
    read.messages.push_back(config::to_text(one));
  }
  return read;
}

/// A template with a local and a remote source, and `more` below `discover`.
std::string text_of(const std::string& more = "", const std::string& instance = "") {
  return "init_config:\ninstances:\n  - namespace: n\n    tags: [own]\n" + instance +
         "    discover:\n      file_sd_configs:\n        - files: ['a.json']\n"
         "      http_sd_configs:\n        - {url: http://sd/, allowed_targets: [10.0.0.0/8]}\n" +
         more;
}

std::vector<std::string> urls(const Selection& some) {
  std::vector<std::string> all;
  for (const Chosen& chosen : some.chosen) {
    all.push_back(chosen.endpoint.url);
  }
  return all;
}

Selection selected(const Template& from, Groups local, Groups remote = {}) {
  const std::vector<SourceList> lists{
      {.options = &from.sources.at(0)->options(),
       .groups = std::make_shared<const Groups>(std::move(local))},
      {.options = &from.sources.at(1)->options(),
       .groups = std::make_shared<const Groups>(std::move(remote))}};
  return select(from, lists);
}

TEST(Template, ATargetGivesTheInstanceItsAddressAndItsTags) {
  const ReadTemplate read = discovery::read(text_of());
  ASSERT_TRUE(read.made);
  EXPECT_THAT(read.messages, IsEmpty());
  const Selection some =
      selected(*read.made, {{.addresses = {"a:1"}, .labels = {{"env", "x"}, {"__meta_y", "z"}}}});
  ASSERT_EQ(some.chosen.size(), 1U);
  EXPECT_EQ(config::to_yaml(instance_of(*read.made, some.chosen[0].endpoint, false)),
            "namespace: n\nexpvar_url: \"http://a:1/debug/vars\"\ntags:\n  - own\n  - \"env:x\"\n");
  EXPECT_THAT(config::to_yaml(instance_of(*read.made, some.chosen[0].endpoint, true)),
              HasSubstr("allow_redirects: false\n"));
}

TEST(Template, LabelsThatATargetDoesNotHaveComeFromTheTemplateBeforeTheRules) {
  const ReadTemplate read = discovery::read(
      text_of("      scheme: https\n      metrics_path: /vars\n      params: {m: x}\n"
              "      relabel_configs:\n"
              "        - {source_labels: [__scheme__, __metrics_path__, __param_m], "
              "target_label: seen}\n"));
  ASSERT_TRUE(read.made) << read.messages.front();
  const Selection some = selected(
      *read.made,
      {{.addresses = {"a:1"}, .labels = {}},
       {.addresses = {"b:1"},
        .labels = {{"__scheme__", "http"}, {"__metrics_path__", "/own"}, {"__param_m", "y"}}}});
  EXPECT_THAT(urls(some), ElementsAre("https://a:1/vars?m=x", "http://b:1/own?m=y"));
  EXPECT_THAT(some.chosen[0].endpoint.tags, ElementsAre("seen:https;/vars;x"));
  EXPECT_THAT(some.chosen[1].endpoint.tags, ElementsAre("seen:http;/own;y"));
}

TEST(Template, WhatARemoteSourceNamesHasToBeAllowedAsItIsBehindTheRules) {
  const ReadTemplate read = discovery::read(
      text_of("      relabel_configs:\n        - {source_labels: [move_to], regex: '(.+)', "
              "target_label: __address__}\n"));
  ASSERT_TRUE(read.made);
  const Groups groups{
      {.addresses = {"10.0.0.1:80", "127.0.0.1:5000", "localhost:5000", "169.254.169.254"},
       .labels = {}},
      {.addresses = {"10.0.0.2:80"}, .labels = {{"move_to", "127.0.0.1:81"}}},
      {.addresses = {"10.0.0.3:80"}, .labels = {{"__scheme__", "unix"}}},
  };
  const Selection some = selected(*read.made, {}, groups);
  EXPECT_THAT(urls(some), ElementsAre("http://10.0.0.1:80/debug/vars"));
  EXPECT_TRUE(some.chosen[0].is_remote);
  EXPECT_EQ(some.refused, 5U);
  EXPECT_THAT(some.refusals,
              ElementsAre("127.0.0.1:5000 is not among the allowed_targets of http_sd http://sd/",
                          "localhost:5000 is not among the allowed_targets of http_sd http://sd/",
                          "169.254.169.254:80 is not among the allowed_targets of http_sd "
                          "http://sd/",
                          "127.0.0.1:81 is not among the allowed_targets of http_sd http://sd/",
                          HasSubstr("the scheme (the label __scheme__) is \"unix\"")));
  EXPECT_THAT(urls(selected(*read.made, groups)), ::testing::SizeIs(5))
      << "a file may name any host";
}

TEST(Template, RulesDropTargetsAndEqualOnesAreWatchedOnce) {
  const ReadTemplate read = discovery::read(text_of(
      "      relabel_configs:\n        - {source_labels: [env], regex: test, action: drop}\n"));
  ASSERT_TRUE(read.made);
  const Selection some =
      selected(*read.made,
               {{.addresses = {"10.0.0.1:1", "10.0.0.1:1"}, .labels = {{"__meta_a", "1"}}},
                {.addresses = {"10.0.0.2:1"}, .labels = {{"env", "test"}}},
                {.addresses = {"10.0.0.1:1"}, .labels = {{"env", "prod"}}}},
               {{.addresses = {"10.0.0.1:1"}, .labels = {}}});
  EXPECT_EQ(some.chosen.size(), 2U);
  EXPECT_EQ(some.dropped, 1U);
  EXPECT_FALSE(some.chosen[0].is_remote);
}

TEST(Template, EachFaultIsToldWithItsPlace) {
  EXPECT_THAT(discovery::read(text_of("", "    expvar_url: http://a\n")).messages,
              ElementsAre(HasSubstr("f.yaml:5:17: expvar_url comes from the targets")));
  EXPECT_THAT(discovery::read("instances:\n  - discover:\n      scheme: gopher\n").messages,
              ElementsAre(HasSubstr(
                  "f.yaml:3:15: unknown discover -> scheme \"gopher\"; one of http, https")));
  EXPECT_THAT(discovery::read("instances:\n  - discover: {}\n").messages,
              ElementsAre(HasSubstr("names no source; one of file_sd_configs, http_sd_configs")));
  EXPECT_THAT(discovery::read("instances:\n  - discover: yes\n").messages,
              ElementsAre(HasSubstr("discover must be a map")));
  EXPECT_THAT(discovery::read(text_of(), "memory").messages,
              ElementsAre(HasSubstr("watches processes of this machine")));
  EXPECT_THAT(discovery::read("instances:\n  - discover: {processes: [{exec: true}]}\n").messages,
              ElementsAre(HasSubstr("discover: processes are for the check memory")));
  EXPECT_THAT(
      discovery::read(text_of("      shard: {members: {processes: [{exec: true}]}}\n")).messages,
      ElementsAre(HasSubstr("processes name no agents")));
  EXPECT_THAT(discovery::read(text_of("      relabel_configs: [{action: keeep}]\n")).messages,
              ElementsAre(HasSubstr("discover -> relabel_configs -> 1 -> action must be one of")));
  EXPECT_THAT(discovery::read(text_of("      files_sd: []\n")).messages,
              ElementsAre(HasSubstr("unknown key \"files_sd\"")));
}

TEST(Template, ProcessesGiveTheCheckMemoryTheOptionThatTheyAreBy) {
  const ReadTemplate read = discovery::read(
      "instances:\n  - walk_interval: 300\n    discover: {processes: [{pattern: .}]}\n", "memory");
  ASSERT_TRUE(read.made);
  EXPECT_THAT(read.messages, IsEmpty());
  const std::vector<SourceList> lists{
      {.options = &read.made->sources.at(0)->options(),
       .groups = std::make_shared<const Groups>(
           Groups{{.addresses = {"nginx.service"},
                   .labels = {{"__process_option__", "systemd_unit"}, {"team", "web"}}}})}};
  const Selection some = select(*read.made, lists);
  ASSERT_EQ(some.chosen.size(), 1U);
  EXPECT_EQ(key_of(some.chosen.front()), "systemd_unitnginx.service\nteam:web");
  EXPECT_EQ(config::to_yaml(instance_of(*read.made, some.chosen.front().endpoint, false)),
            "walk_interval: 300\nsystemd_unit: \"nginx.service\"\ntags:\n  - \"team:web\"\n");
}

TEST(Template, OfWhatIsSharedTheTargetsOfOthersAreCountedAndThoseThatMovedAreNamed) {
  const ReadTemplate read = discovery::read(text_of("      shard: {index: 0, count: 2}\n"));
  ASSERT_TRUE(read.made);
  EXPECT_THAT(read.messages, IsEmpty());
  EXPECT_EQ(read.made->shard->count, 2U);
  EXPECT_EQ(read.made->member_sources, 0U);
  const std::vector<SourceList> lists{{.options = &read.made->sources.at(0)->options(),
                                       .groups = std::make_shared<const Groups>(Groups{
                                           {.addresses = {"a:1", "b:1", "c:1"}, .labels = {}}})}};
  const Selection some =
      select(*read.made, lists,
             {.is_own = [](std::string_view url) { return url == "http://a:1/debug/vars"; },
              .is_watched = [](const std::string& key) { return key == "http://b:1/debug/vars"; }});
  EXPECT_THAT(urls(some), ElementsAre("http://a:1/debug/vars"));
  EXPECT_EQ(some.elsewhere, 2U);
  EXPECT_THAT(some.moved, ElementsAre("http://b:1/debug/vars"));
}

TEST(Template, SourcesOfMembersAreTheLast) {
  const ReadTemplate read = discovery::read(
      text_of("      shard:\n        members: {dns_sd_configs: [{names: [heapwatch.test]}]}\n"));
  ASSERT_TRUE(read.made);
  EXPECT_THAT(read.messages, IsEmpty());
  ASSERT_EQ(read.made->sources.size(), 3U);
  EXPECT_EQ(read.made->member_sources, 1U);
  EXPECT_EQ(read.made->sources.back()->options().name, "dns_sd heapwatch.test");
  EXPECT_THAT(discovery::read(text_of("      shard: {members: {}}\n")).messages,
              ElementsAre(HasSubstr("shard -> members names no source")));
}

}  // namespace
}  // namespace heapwatch::discovery
