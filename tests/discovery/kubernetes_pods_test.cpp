#include "discovery/kubernetes_pods.h"

#include <gmock/gmock.h>

namespace heapwatch::discovery {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// As an API server of 1.27 tells it, without what is not looked at.
constexpr std::string_view shop_pod = R"({
  "metadata": {"name": "shop-6d8f-x2x9k", "namespace": "store", "uid": "0b6f-11", "resourceVersion": "901",
    "labels": {"app.kubernetes.io/name": "shop", "tier": ""},
    "annotations": {"prometheus.io/scrape": "true"},
    "ownerReferences": [{"kind": "Node", "name": "n"}, {"kind": "ReplicaSet", "name": "shop-6d8f", "controller": true}]},
  "spec": {"nodeName": "node-7",
    "initContainers": [{"name": "migrate", "image": "shop:1"}],
    "containers": [{"name": "shop", "image": "registry.test/shop:1.2",
      "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}, {"containerPort": 6060}]},
      {"name": "side", "image": "side:3"}]},
  "status": {"phase": "Running", "podIP": "10.1.2.3", "hostIP": "192.168.0.7",
    "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": "True"}],
    "containerStatuses": [{"name": "shop", "containerID": "containerd://abc"}]}})";

Pod pod_of_event(const std::string& json) {
  auto event = parse_pod_event(R"({"type": "ADDED", "object": )" + json + "}");
  EXPECT_TRUE(event) << event.error().message;
  return event ? event->pod : Pod{};
}

TEST(KubernetesPods, PortsAreTargetsWithPrometheusLabels) {
  const Pod made = pod_of_event(std::string(shop_pod));
  EXPECT_EQ(made.key, "store/shop-6d8f-x2x9k");
  ASSERT_THAT(made.targets, SizeIs(4));
  EXPECT_THAT(made.targets[0].addresses, ElementsAre("10.1.2.3:8080"));
  EXPECT_EQ(made.targets[0].labels,
            (Labels{{"__meta_kubernetes_namespace", "store"},
                    {"__meta_kubernetes_pod_name", "shop-6d8f-x2x9k"},
                    {"__meta_kubernetes_pod_uid", "0b6f-11"},
                    {"__meta_kubernetes_pod_ip", "10.1.2.3"},
                    {"__meta_kubernetes_pod_host_ip", "192.168.0.7"},
                    {"__meta_kubernetes_pod_node_name", "node-7"},
                    {"__meta_kubernetes_pod_phase", "Running"},
                    {"__meta_kubernetes_pod_ready", "true"},
                    {"__meta_kubernetes_pod_controller_kind", "ReplicaSet"},
                    {"__meta_kubernetes_pod_controller_name", "shop-6d8f"},
                    {"__meta_kubernetes_pod_label_app_kubernetes_io_name", "shop"},
                    {"__meta_kubernetes_pod_labelpresent_app_kubernetes_io_name", "true"},
                    {"__meta_kubernetes_pod_label_tier", ""},
                    {"__meta_kubernetes_pod_labelpresent_tier", "true"},
                    {"__meta_kubernetes_pod_annotation_prometheus_io_scrape", "true"},
                    {"__meta_kubernetes_pod_annotationpresent_prometheus_io_scrape", "true"},
                    {"__meta_kubernetes_pod_container_name", "shop"},
                    {"__meta_kubernetes_pod_container_image", "registry.test/shop:1.2"},
                    {"__meta_kubernetes_pod_container_id", "containerd://abc"},
                    {"__meta_kubernetes_pod_container_init", "false"},
                    {"__meta_kubernetes_pod_container_port_name", "http"},
                    {"__meta_kubernetes_pod_container_port_number", "8080"},
                    {"__meta_kubernetes_pod_container_port_protocol", "TCP"}}));
  EXPECT_THAT(made.targets[1].addresses, ElementsAre("10.1.2.3:6060"));
  EXPECT_EQ(made.targets[1].labels.at("__meta_kubernetes_pod_container_port_protocol"), "TCP");
  EXPECT_FALSE(made.targets[1].labels.contains("__meta_kubernetes_pod_container_port_name"));
}

TEST(KubernetesPods, AContainerWithoutPortsIsATargetAndSoIsOneThatRunsFirst) {
  const Pod made = pod_of_event(std::string(shop_pod));
  ASSERT_THAT(made.targets, SizeIs(4));
  EXPECT_THAT(made.targets[2].addresses, ElementsAre("10.1.2.3"));
  EXPECT_EQ(made.targets[2].labels.at("__meta_kubernetes_pod_container_name"), "side");
  EXPECT_FALSE(made.targets[2].labels.contains("__meta_kubernetes_pod_container_port_number"));
  EXPECT_EQ(made.targets[3].labels.at("__meta_kubernetes_pod_container_init"), "true");
}

TEST(KubernetesPods, APodWithoutAnAddressHasNoTargetsYet) {
  EXPECT_THAT(pod_of_event(R"({"metadata": {"name": "a", "namespace": "b"},
                      "spec": {"containers": [{"name": "c"}]}, "status": {"phase": "Pending"}})")
                  .targets,
              IsEmpty());
}

TEST(KubernetesPods, AddressesOfIPv6HaveBrackets) {
  const Pod made = pod_of_event(R"({"metadata": {"name": "a", "namespace": "b"},
      "spec": {"containers": [{"name": "c", "ports": [{"containerPort": 1}]}, {"name": "d"}]},
      "status": {"podIP": "fd00::3"}})");
  ASSERT_THAT(made.targets, SizeIs(2));
  EXPECT_THAT(made.targets[0].addresses, ElementsAre("[fd00::3]:1"));
  EXPECT_THAT(made.targets[1].addresses, ElementsAre("[fd00::3]"));
  EXPECT_EQ(made.targets[0].labels.at("__meta_kubernetes_pod_ready"), "unknown");
}

TEST(KubernetesPods, WhatIsTooLongForALabelIsLeftOut) {
  const std::string longer(20'000, 'x');
  const Pod made =
      pod_of_event(R"({"metadata": {"name": "a", "namespace": "b", "annotations": {"long": ")" +
                   longer + R"(", "short": "y"}},
      "spec": {"containers": [{"name": "c"}]}, "status": {"podIP": "10.0.0.1"}})");
  ASSERT_THAT(made.targets, SizeIs(1));
  EXPECT_FALSE(made.targets[0].labels.contains("__meta_kubernetes_pod_annotation_long"));
  EXPECT_EQ(made.targets[0].labels.at("__meta_kubernetes_pod_annotation_short"), "y");
}

TEST(KubernetesPods, AListHasAVersionAndWhatThereIsMore) {
  const auto list = parse_pod_list(
      R"({"kind": "PodList", "metadata": {"resourceVersion": "1000", "continue": "abc=="}, "items": [)" +
      std::string(shop_pod) + "]}");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->version, "1000");
  EXPECT_EQ(list->rest, "abc==");
  EXPECT_THAT(list->pods, SizeIs(1));
  const auto none = parse_pod_list(R"({"metadata": {"resourceVersion": "1"}, "items": null})");
  ASSERT_TRUE(none);
  EXPECT_THAT(none->pods, IsEmpty());
  for (const char* const wrong : {"", "[]", "{}", R"({"metadata": {}})",
                                  R"({"metadata": {"resourceVersion": "1"}, "items": {}})"}) {
    EXPECT_FALSE(parse_pod_list(wrong)) << wrong;
  }
}

TEST(KubernetesPods, EventsAreOfFourKinds) {
  const auto bookmark = parse_pod_event(
      R"({"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"12746"}}})");
  ASSERT_TRUE(bookmark);
  EXPECT_EQ(bookmark->kind, PodEvent::Kind::bookmark);
  EXPECT_EQ(bookmark->version, "12746");
  const auto error = parse_pod_event(
      R"({"type":"ERROR","object":{"kind":"Status","status":"Failure","message":"too old","reason":"Expired","code":410}})");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, PodEvent::Kind::error);
  EXPECT_EQ(error->code, 410);
  EXPECT_EQ(error->message, "too old");
  const auto removed =
      parse_pod_event(R"({"type":"DELETED","object":)" + std::string(shop_pod) + "}");
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->kind, PodEvent::Kind::removed);
  EXPECT_EQ(removed->version, "901");
  for (const char* const wrong :
       {"", "x", "{}", R"({"type":"ADDED"})", R"({"type":"SWAPPED","object":{}})"}) {
    EXPECT_FALSE(parse_pod_event(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace heapwatch::discovery
