#include "discovery/kubernetes_pods.h"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/json_document.h"
#include "base/text.h"
#include "base/utf8.h"
#include "net/target.h"

namespace heapwatch::discovery {

namespace {

using base::json_member;
using base::json_text;
using base::JsonValue;

constexpr std::string_view pod_label_prefix = "__meta_kubernetes_";
/// Labels and annotations of a pod that become labels: others of a target need room, too.
constexpr std::size_t texts_max = 100;

void set_of_pod(Labels& labels, const std::string& name, std::string value) {
  if (!value.empty()) {
    labels[std::string(pod_label_prefix) + name] = std::move(value);
  }
}

/// `kind`: "pod_label" or "pod_annotation". What is too long for a label is left out.
void add_texts(const JsonValue* map, const std::string& kind, Labels& labels) {
  if (map == nullptr || !map->IsObject()) {
    return;
  }
  std::size_t added = 0;
  for (const auto& one : map->GetObject()) {
    const std::string_view value(one.value.IsString() ? one.value.GetString() : "",
                                 one.value.IsString() ? one.value.GetStringLength() : 0);
    const std::string name =
        relabel::to_label_name({one.name.GetString(), one.name.GetStringLength()});
    if (added == texts_max || value.size() > relabel::value_bytes_max ||
        name.size() > relabel::name_bytes_max / 2 || base::valid_utf8(value) != value) {
      continue;
    }
    ++added;
    labels[std::string(pod_label_prefix) + kind + "_" + name] = value;
    labels[std::string(pod_label_prefix) + kind + "present_" + name] = "true";
  }
}

std::string readiness(const JsonValue* status) {
  const JsonValue* const conditions = json_member(status, "conditions");
  if (conditions != nullptr && conditions->IsArray()) {
    for (const JsonValue& one : conditions->GetArray()) {
      if (json_text(&one, "type") == "Ready") {
        return base::ascii_lower(json_text(&one, "status"));
      }
    }
  }
  return "unknown";
}

void add_controller(const JsonValue* metadata, Labels& labels) {
  const JsonValue* const owners = json_member(metadata, "ownerReferences");
  if (owners == nullptr || !owners->IsArray()) {
    return;
  }
  for (const JsonValue& owner : owners->GetArray()) {
    const JsonValue* const is_controller = json_member(&owner, "controller");
    if (is_controller != nullptr && is_controller->IsBool() && is_controller->GetBool()) {
      set_of_pod(labels, "pod_controller_kind", json_text(&owner, "kind"));
      set_of_pod(labels, "pod_controller_name", json_text(&owner, "name"));
      return;
    }
  }
}

Labels labels_of_pod(const JsonValue& pod) {
  const JsonValue* const metadata = json_member(&pod, "metadata");
  const JsonValue* const spec = json_member(&pod, "spec");
  const JsonValue* const status = json_member(&pod, "status");
  Labels labels;
  set_of_pod(labels, "namespace", json_text(metadata, "namespace"));
  set_of_pod(labels, "pod_name", json_text(metadata, "name"));
  set_of_pod(labels, "pod_uid", json_text(metadata, "uid"));
  set_of_pod(labels, "pod_ip", json_text(status, "podIP"));
  set_of_pod(labels, "pod_host_ip", json_text(status, "hostIP"));
  set_of_pod(labels, "pod_node_name", json_text(spec, "nodeName"));
  set_of_pod(labels, "pod_phase", json_text(status, "phase"));
  set_of_pod(labels, "pod_ready", readiness(status));
  add_controller(metadata, labels);
  add_texts(json_member(metadata, "labels"), "pod_label", labels);
  add_texts(json_member(metadata, "annotations"), "pod_annotation", labels);
  return labels;
}

std::string container_id(const JsonValue* statuses, const std::string& name) {
  if (statuses != nullptr && statuses->IsArray()) {
    for (const JsonValue& one : statuses->GetArray()) {
      if (json_text(&one, "name") == name) {
        return json_text(&one, "containerID");
      }
    }
  }
  return {};
}

void add_container(const JsonValue& container, const JsonValue* statuses, bool is_init,
                   const Labels& of_pod, const std::string& address, Groups& targets) {
  Labels labels = of_pod;
  const std::string name = json_text(&container, "name");
  set_of_pod(labels, "pod_container_name", name);
  set_of_pod(labels, "pod_container_image", json_text(&container, "image"));
  set_of_pod(labels, "pod_container_id", container_id(statuses, name));
  set_of_pod(labels, "pod_container_init", is_init ? "true" : "false");
  const JsonValue* const ports = json_member(&container, "ports");
  if (ports == nullptr || !ports->IsArray() || ports->Empty()) {
    targets.push_back({.addresses = {net::bracketed(address)}, .labels = std::move(labels)});
    return;
  }
  for (const JsonValue& port : ports->GetArray()) {
    const JsonValue* const number = json_member(&port, "containerPort");
    if (number == nullptr || !number->IsInt()) {
      continue;
    }
    Labels of_port = labels;
    const std::string digits = std::to_string(number->GetInt());
    const std::string protocol = json_text(&port, "protocol");
    set_of_pod(of_port, "pod_container_port_name", json_text(&port, "name"));
    set_of_pod(of_port, "pod_container_port_number", digits);
    set_of_pod(of_port, "pod_container_port_protocol", protocol.empty() ? "TCP" : protocol);
    targets.push_back(
        {.addresses = {net::bracketed(address) + ":" + digits}, .labels = std::move(of_port)});
  }
}

Pod pod_of(const JsonValue& json) {
  const JsonValue* const metadata = json_member(&json, "metadata");
  Pod pod{.key = json_text(metadata, "namespace") + "/" + json_text(metadata, "name"),
          .targets = {}};
  const JsonValue* const status = json_member(&json, "status");
  const std::string address = json_text(status, "podIP");
  if (address.empty()) {
    return pod;
  }
  const Labels labels = labels_of_pod(json);
  static constexpr std::array<std::array<const char*, 2>, 2> kinds{
      {{"containers", "containerStatuses"}, {"initContainers", "initContainerStatuses"}}};
  for (const auto& [containers, statuses] : kinds) {
    const JsonValue* const all = json_member(json_member(&json, "spec"), containers);
    if (all == nullptr || !all->IsArray()) {
      continue;
    }
    const bool is_init = std::string_view(containers) == "initContainers";
    for (const JsonValue& one : all->GetArray()) {
      add_container(one, json_member(status, statuses), is_init, labels, address, pod.targets);
    }
  }
  return pod;
}

base::Result<void> parse_json(std::string_view text, rapidjson::Document& document) {
  // Iterative: however deep it is, it takes no stack.
  document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  if (document.HasParseError()) {
    return base::fail(base::ErrorKind::invalid,
                      "no JSON at byte " + std::to_string(document.GetErrorOffset()) + ": " +
                          base::ascii_lower(rapidjson::GetParseError_En(document.GetParseError())));
  }
  return {};
}

}  // namespace

base::Result<PodList> parse_pod_list(std::string_view text_of_list) {
  rapidjson::Document document;
  if (auto parsed = parse_json(text_of_list, document); !parsed) {
    return tl::unexpected(parsed.error());
  }
  const JsonValue* const items = json_member(&document, "items");
  const JsonValue* const metadata = json_member(&document, "metadata");
  const std::string version = json_text(metadata, "resourceVersion");
  if (version.empty() || (items != nullptr && !items->IsArray())) {
    return base::fail(base::ErrorKind::invalid, "no list of pods");
  }
  PodList list{.pods = {}, .version = version, .rest = json_text(metadata, "continue")};
  if (items != nullptr) {
    for (const JsonValue& one : items->GetArray()) {
      list.pods.push_back(pod_of(one));
    }
  }
  return list;
}

base::Result<PodEvent> parse_pod_event(std::string_view line) {
  rapidjson::Document document;
  if (auto parsed = parse_json(line, document); !parsed) {
    return tl::unexpected(parsed.error());
  }
  const std::string type = json_text(&document, "type");
  const JsonValue* const object = json_member(&document, "object");
  if (object == nullptr || !object->IsObject()) {
    return base::fail(base::ErrorKind::invalid, "an event without an object");
  }
  PodEvent event;
  event.version = json_text(json_member(object, "metadata"), "resourceVersion");
  if (type == "BOOKMARK") {
    return event;
  }
  if (type == "ERROR") {
    event.kind = PodEvent::Kind::error;
    const JsonValue* const code = json_member(object, "code");
    event.code = code != nullptr && code->IsInt() ? code->GetInt() : 0;
    event.message = json_text(object, "message");
    return event;
  }
  if (type != "ADDED" && type != "MODIFIED" && type != "DELETED") {
    return base::fail(
        base::ErrorKind::invalid,
        "an event of the unknown type \"" + std::string(base::whole_characters(type, 100)) + "\"");
  }
  event.kind = type == "DELETED" ? PodEvent::Kind::removed : PodEvent::Kind::set;
  event.pod = pod_of(*object);
  return event;
}

}  // namespace heapwatch::discovery
