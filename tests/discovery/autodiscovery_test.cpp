#include "discovery/autodiscovery.h"

#include <gmock/gmock.h>

#include "discovery/kubernetes_pods.h"
#include "discovery/selection.h"

namespace heapwatch::discovery {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A pod with two containers, of which the first has two ports.
Groups pod_with(const std::string& annotations = "{}", const std::string& address = "10.1.2.3") {
  const auto list = parse_pod_list(
      R"({"metadata": {"resourceVersion": "1"}, "items": [{"metadata": {"name": "shop-1", "namespace": "store",
      "uid": "u-1", "annotations": )" +
      annotations + R"(}, "spec": {"nodeName": "node-7", "containers": [
        {"name": "my.shop", "image": "registry.test:5000/shop/shop:1.2@sha256:abc",
         "ports": [{"containerPort": 9000, "name": "web"}, {"containerPort": 6060, "name": "debug"}]},
        {"name": "redis", "image": "redis"}],
        "initContainers": [{"name": "first", "image": "redis"}]},
      "status": {"podIP": ")" +
      address +
      R"(", "containerStatuses": [{"name": "my.shop", "containerID": "containerd://abc"}]}}]})");
  EXPECT_TRUE(list) << list.error().message;
  return list->pods.front().targets;
}

std::string resolved_yaml(const Service& service, const std::string& text) {
  config::Diagnostics diagnostics;
  const auto made = resolved(config::parse_yaml(text, "", diagnostics), service);
  return made ? config::to_yaml(*made) : "error: " + made.error().message;
}

TEST(Services, AContainerIsOneWithAllItsPortsAndThoseThatRunFirstAreNone) {
  const auto services = services_of(pod_with());
  ASSERT_THAT(services, SizeIs(2));
  EXPECT_EQ(services[0].name, "store/shop-1/my.shop");
  EXPECT_EQ(services[0].host, "10.1.2.3");
  EXPECT_THAT(services[0].ports, ElementsAre(std::pair<std::uint16_t, std::string>{6060, "debug"},
                                             std::pair<std::uint16_t, std::string>{9000, "web"}));
  EXPECT_THAT(services[0].identifiers,
              ElementsAre("containerd://abc", "registry.test:5000/shop/shop", "shop"));
  EXPECT_THAT(services[1].identifiers, ElementsAre("redis"));
  EXPECT_THAT(services[1].ports, IsEmpty());
  EXPECT_THAT(
      tags_of(services[0]),
      ElementsAre("kube_namespace:store", "pod_name:shop-1", "kube_container_name:my.shop",
                  "image_name:registry.test:5000/shop/shop", "short_image:shop", "image_tag:1.2"));
}

TEST(Services, AnIdOfItsOwnTakesThePlaceOfTheImage) {
  const auto services = services_of(pod_with(R"({"ad.datadoghq.com/redis.check.id": "special"})"));
  EXPECT_THAT(services[1].identifiers, ElementsAre("special"));
  EXPECT_TRUE(is_meant({.identifiers = {"special"}}, services[1]));
  EXPECT_FALSE(is_meant({.identifiers = {"redis"}}, services[1]));
  EXPECT_TRUE(is_meant({.identifiers = {"nginx", "shop"}}, services[0]));
}

TEST(Services, ContainersOfDockerAreNamedByTheNetworkBridge) {
  const Labels labels{{"__meta_docker_container_id", "0123"},
                      {"__meta_docker_container_image", "shop:2"},
                      {"__meta_docker_container_name", "/shop"}};
  const auto in = [&](const std::string& network, const std::string& address,
                      const std::string& port) {
    Labels all = labels;
    all["__meta_docker_network_name"] = network;
    all["__meta_docker_network_ip"] = address;
    all["__meta_docker_port_private"] = port;
    return Group{.addresses = {address + ":" + port}, .labels = all};
  };
  const auto services = services_of({in("app", "10.5.0.2", "80"), in("bridge", "172.17.0.2", "80"),
                                     in("bridge", "172.17.0.2", "6060")});
  ASSERT_THAT(services, SizeIs(1));
  EXPECT_EQ(services[0].host, "172.17.0.2");
  EXPECT_THAT(services[0].ports, SizeIs(2));
  EXPECT_THAT(services[0].identifiers, ElementsAre("docker://0123", "0123", "shop"));
  EXPECT_THAT(tags_of(services[0]), ElementsAre("container_name:shop", "image_name:shop",
                                                "short_image:shop", "image_tag:2"));
}

TEST(Variables, StandForWhatIsKnownOfTheContainer) {
  const Service service = services_of(pod_with()).front();
  EXPECT_EQ(
      resolved_yaml(service,
                    "url: 'http://%%host%%:%%port%%/x'\nport: '%%port_0%%'\n"
                    "named: '%%port_debug%%'\n"
                    "tags: ['ns:%%kube_namespace%%', 'pod:%%kube_pod_name%%']\n"
                    "deep: {uid: '%%kube_pod_uid%%', node: '%%kube_node_name%%'}\n"
                    "alone: '%%host%%'\nplain: '100 %% of it'\n"),
      "url: \"http://10.1.2.3:9000/x\"\nport: 6060\nnamed: 6060\ntags:\n  - \"ns:store\"\n"
      "  - \"pod:shop-1\"\ndeep:\n  uid: \"u-1\"\n  node: \"node-7\"\nalone: \"10.1.2.3\"\nplain: "
      "\"100 %% of it\"\n");
}

TEST(Variables, AnAddressOfIPv6HasBracketsWhereAPortFollows) {
  const Service service = services_of(pod_with("{}", "fd00::3")).front();
  EXPECT_EQ(resolved_yaml(service, "a: 'http://%%host%%:%%port%%/'\nb: '%%host%%'\n"),
            "a: \"http://[fd00::3]:9000/\"\nb: \"fd00::3\"\n");
}

TEST(Variables, OneThatTheContainerHasNothingForIsAnErrorWithItsName) {
  const auto services = services_of(pod_with());
  EXPECT_EQ(resolved_yaml(services[1], "a: '%%port%%'"),
            "error: store/shop-1/redis: has nothing for the variable %%port%%");
  EXPECT_THAT(resolved_yaml(services[0], "a: '%%port_2%%'"), HasSubstr("%%port_2%%"));
  EXPECT_THAT(resolved_yaml(services[0], "a: '%%port_none%%'"), HasSubstr("%%port_none%%"));
  EXPECT_THAT(resolved_yaml(services[0], "a: '%%env_SECRET%%'"), HasSubstr("%%env_SECRET%%"));
}

TEST(AskedFor, AnAnnotationHoldsTheInstancesOfChecks) {
  const auto services = services_of(pod_with(
      R"({"ad.datadoghq.com/my.shop.checks": "{\"go_expvar\": {\"init_config\": {}, \"instances\": [{\"expvar_url\": \"http://%%host%%:6060\"}]}, \"redisdb\": {\"instances\": [{\"host\": \"x\"}, {\"host\": \"y\"}]}}"})"));
  const auto asked = instances_asked_for(services[0], "go_expvar");
  ASSERT_TRUE(asked);
  ASSERT_THAT(*asked, SizeIs(1));
  EXPECT_EQ(config::to_yaml(asked->front()), "expvar_url: \"http://%%host%%:6060\"\n");
  EXPECT_THAT(*instances_asked_for(services[0], "redisdb"), SizeIs(2));
  EXPECT_THAT(*instances_asked_for(services[0], "nginx"), IsEmpty());
  EXPECT_THAT(*instances_asked_for(services[1], "go_expvar"), IsEmpty());
}

TEST(AskedFor, TheOlderFormIsThreeLists) {
  const auto services = services_of(pod_with(
      R"({"ad.datadoghq.com/redis.check_names": "[\"redisdb\", \"go_expvar\"]",
          "ad.datadoghq.com/redis.init_configs": "[{}, {}]",
          "ad.datadoghq.com/redis.instances": "[{\"host\": \"x\"}, [{\"expvar_url\": \"a\"}, {\"expvar_url\": \"b\"}]]"})"));
  EXPECT_THAT(*instances_asked_for(services[1], "redisdb"), SizeIs(1));
  EXPECT_THAT(*instances_asked_for(services[1], "go_expvar"), SizeIs(2));
}

TEST(AskedFor, WhatIsNoJsonIsAnErrorWithTheContainersName) {
  const auto wrong = [](const std::string& checks) {
    const auto services =
        services_of(pod_with(R"({"ad.datadoghq.com/redis.checks": ")" + checks + R"("})"));
    const auto asked = instances_asked_for(services[1], "go_expvar");
    return asked ? std::string("none") : asked.error().message;
  };
  EXPECT_THAT(wrong("{"), HasSubstr("store/shop-1/redis: checks is no JSON"));
  EXPECT_THAT(wrong(R"({\"go_expvar\": {\"instances\": 1}})"), HasSubstr("must be a list"));
  EXPECT_THAT(wrong(R"({\"go_expvar\": {\"instances\": [1]}})"), HasSubstr("must be a list"));
}

// --- from a template

Template autodiscovery_template(const std::string& text) {
  config::Diagnostics diagnostics;
  auto file = config::parse_check_config(text, "f.yaml", {}, diagnostics);
  EXPECT_TRUE(file) << config::to_text(diagnostics.all().front());
  file->check_name = "go_expvar";
  const config::AgentConfig agent;
  auto made = read_template({*file, file->instances.front(), agent}, diagnostics);
  EXPECT_TRUE(made);
  for (const config::Diagnostic& one : diagnostics.all()) {
    ADD_FAILURE() << config::to_text(one);
  }
  return *std::move(made);
}

Selection selected_services(const Template& from, Groups groups) {
  const std::vector<SourceList> lists{
      {.options = &from.sources.at(0)->options(),
       .groups = std::make_shared<const Groups>(std::move(groups))}};
  return select(from, lists);
}

constexpr const char* pods_source =
    "      file_sd_configs: [{files: [a.json]}]\n"
    "      relabel_configs: [{source_labels: [__meta_kubernetes_pod_node_name], target_label: "
    "node}]\n";

TEST(AutodiscoveryTemplate, AFileWithIdentifiersIsForContainersOfTheImage) {
  const Template from = autodiscovery_template(
      "ad_identifiers: [shop]\ninit_config:\ninstances:\n"
      "  - expvar_url: 'http://%%host%%:%%port_debug%%'\n    tags: [own]\n    discover:\n" +
      std::string(pods_source));
  const Selection some = selected_services(from, pod_with());
  EXPECT_EQ(some.refused, 0U);
  ASSERT_THAT(some.chosen, SizeIs(1));
  EXPECT_EQ(
      config::to_yaml(instance_of(from, some.chosen.front())),
      "expvar_url: \"http://10.1.2.3:6060\"\ntags:\n  - own\n  - \"kube_namespace:store\"\n  - "
      "\"pod_name:shop-1\"\n  - \"kube_container_name:my.shop\"\n  - "
      "\"image_name:registry.test:5000/shop/shop\"\n  - \"short_image:shop\"\n  - "
      "\"image_tag:1.2\"\n  - \"node:node-7\"\nallow_redirects: false\n");
}

TEST(AutodiscoveryTemplate, AContainerAsksForWhatItLikesOfItselfAlone) {
  const Template from = autodiscovery_template(
      "instances:\n  - namespace: n\n    discover:\n      ad_annotations: true\n" +
      std::string(pods_source));
  const auto asking = [](const std::string& url) {
    return pod_with(
        R"({"ad.datadoghq.com/my.shop.checks": "{\"go_expvar\": {\"instances\": [{\"expvar_url\": \")" +
        url + R"(\"}]}}"})");
  };
  const Selection some = selected_services(from, asking("http://%%host%%:6060/debug/vars"));
  ASSERT_THAT(some.chosen, SizeIs(1));
  EXPECT_THAT(config::to_yaml(instance_of(from, some.chosen.front())),
              HasSubstr("namespace: n\nexpvar_url: \"http://10.1.2.3:6060/debug/vars\"\n"));
  for (const char* const elsewhere :
       {"http://169.254.169.254/latest", "http://127.0.0.1:9200/", "http://10.1.2.4:6060/",
        "unix:///run/secret.sock", "http://10.1.2.3@127.0.0.1/", "http://10.1.2.3.test/"}) {
    const Selection none = selected_services(from, asking(elsewhere));
    EXPECT_THAT(none.chosen, IsEmpty()) << elsewhere;
    EXPECT_EQ(none.refused, 1U) << elsewhere;
  }
  EXPECT_THAT(selected_services(from, pod_with()).chosen, IsEmpty()) << "it asks for none";
  // Nor may it have heapwatch read its own files, or go by a proxy.
  for (const char* const option :
       {"auth_token", "proxy", "tls_private_key", "loader", "discover"}) {
    const Selection none = selected_services(
        from, asking("http://%%host%%:6060\\\", \\\"" + std::string(option) + "\\\": \\\"x"));
    EXPECT_THAT(none.chosen, IsEmpty()) << option;
    EXPECT_THAT(none.refusals,
                ElementsAre("store/shop-1/my.shop: may not set " + std::string(option) +
                            "; ad_annotation_options of the template allows it"));
  }
}

}  // namespace
}  // namespace heapwatch::discovery
