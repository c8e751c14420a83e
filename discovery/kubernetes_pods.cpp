#include "discovery/kubernetes_pods.h"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "base/utf8.h"
#include "net/target.h"

namespace heapwatch::discovery {

namespace {

using PodJson = rapidjson::Value;

constexpr std::string_view pod_label_prefix = "__meta_kubernetes_";
/// Labels and annotations of a pod that become labels: others of a target need room, too.
constexpr std::size_t texts_max = 100;

/// Null where there is no such pod_member, or `object` is none.
const PodJson* pod_member(const PodJson* object, const char* name) {
  if (object == nullptr || !object->IsObject()) {
    return nullptr;
  }
  const auto found = object->FindMember(name);
  return found == object->MemberEnd() || found->value.IsNull() ? nullptr : &found->value;
}

std::string pod_text(const PodJson* object, const char* name) {
  const PodJson* const value = pod_member(object, name);
  return value != nullptr && value->IsString()
             ? std::string(value->GetString(), value->GetStringLength())
             : std::string();
}

/// What a name of Kubernetes is as the end of a label's name.
std::string pod_label_name(std::string_view name) {
  std::string made(name);
  std::replace_if(
      made.begin(), made.end(),
      [](char c) { return !relabel::is_label_name(std::string("_") + c); }, '_');
  return made;
}

void set_of_pod(Labels& labels, const std::string& name, std::string value) {
  if (!value.empty()) {
    labels[std::string(pod_label_prefix) + name] = std::move(value);
  }
}

/// `kind`: "pod_label" or "pod_annotation". What is too long for a label is left out.
void add_texts(const PodJson* map, const std::string& kind, Labels& labels) {
  if (map == nullptr || !map->IsObject()) {
    return;
  }
  std::size_t added = 0;
  for (const auto& one : map->GetObject()) {
    const std::string_view value(one.value.IsString() ? one.value.GetString() : "",
                                 one.value.IsString() ? one.value.GetStringLength() : 0);
    const std::string name = pod_label_name({one.name.GetString(), one.name.GetStringLength()});
    if (added == texts_max || value.size() > relabel::value_bytes_max ||
        name.size() > relabel::name_bytes_max / 2 || base::valid_utf8(value) != value) {
      continue;
    }
    ++added;
    labels[std::string(pod_label_prefix) + kind + "_" + name] = value;
    labels[std::string(pod_label_prefix) + kind + "present_" + name] = "true";
  }
}

std::string readiness(const PodJson* status) {
  const PodJson* const conditions = pod_member(status, "conditions");
  if (conditions != nullptr && conditions->IsArray()) {
    for (const PodJson& one : conditions->GetArray()) {
      if (pod_text(&one, "type") == "Ready") {
        return base::ascii_lower(pod_text(&one, "status"));
      }
    }
  }
  return "unknown";
}

void add_controller(const PodJson* metadata, Labels& labels) {
  const PodJson* const owners = pod_member(metadata, "ownerReferences");
  if (owners == nullptr || !owners->IsArray()) {
    return;
  }
  for (const PodJson& owner : owners->GetArray()) {
    const PodJson* const is_controller = pod_member(&owner, "controller");
    if (is_controller != nullptr && is_controller->IsBool() && is_controller->GetBool()) {
      set_of_pod(labels, "pod_controller_kind", pod_text(&owner, "kind"));
      set_of_pod(labels, "pod_controller_name", pod_text(&owner, "name"));
      return;
    }
  }
}

Labels labels_of_pod(const PodJson& pod) {
  const PodJson* const metadata = pod_member(&pod, "metadata");
  const PodJson* const spec = pod_member(&pod, "spec");
  const PodJson* const status = pod_member(&pod, "status");
  Labels labels;
  set_of_pod(labels, "namespace", pod_text(metadata, "namespace"));
  set_of_pod(labels, "pod_name", pod_text(metadata, "name"));
  set_of_pod(labels, "pod_uid", pod_text(metadata, "uid"));
  set_of_pod(labels, "pod_ip", pod_text(status, "podIP"));
  set_of_pod(labels, "pod_host_ip", pod_text(status, "hostIP"));
  set_of_pod(labels, "pod_node_name", pod_text(spec, "nodeName"));
  set_of_pod(labels, "pod_phase", pod_text(status, "phase"));
  set_of_pod(labels, "pod_ready", readiness(status));
  add_controller(metadata, labels);
  add_texts(pod_member(metadata, "labels"), "pod_label", labels);
  add_texts(pod_member(metadata, "annotations"), "pod_annotation", labels);
  return labels;
}

std::string container_id(const PodJson* statuses, const std::string& name) {
  if (statuses != nullptr && statuses->IsArray()) {
    for (const PodJson& one : statuses->GetArray()) {
      if (pod_text(&one, "name") == name) {
        return pod_text(&one, "containerID");
      }
    }
  }
  return {};
}

void add_container(const PodJson& container, const PodJson* statuses, bool is_init,
                   const Labels& of_pod, const std::string& address, Groups& targets) {
  Labels labels = of_pod;
  const std::string name = pod_text(&container, "name");
  set_of_pod(labels, "pod_container_name", name);
  set_of_pod(labels, "pod_container_image", pod_text(&container, "image"));
  set_of_pod(labels, "pod_container_id", container_id(statuses, name));
  set_of_pod(labels, "pod_container_init", is_init ? "true" : "false");
  const PodJson* const ports = pod_member(&container, "ports");
  if (ports == nullptr || !ports->IsArray() || ports->Empty()) {
    targets.push_back({.addresses = {net::bracketed(address)}, .labels = std::move(labels)});
    return;
  }
  for (const PodJson& port : ports->GetArray()) {
    const PodJson* const number = pod_member(&port, "containerPort");
    if (number == nullptr || !number->IsInt()) {
      continue;
    }
    Labels of_port = labels;
    const std::string digits = std::to_string(number->GetInt());
    const std::string protocol = pod_text(&port, "protocol");
    set_of_pod(of_port, "pod_container_port_name", pod_text(&port, "name"));
    set_of_pod(of_port, "pod_container_port_number", digits);
    set_of_pod(of_port, "pod_container_port_protocol", protocol.empty() ? "TCP" : protocol);
    targets.push_back(
        {.addresses = {net::bracketed(address) + ":" + digits}, .labels = std::move(of_port)});
  }
}

Pod pod_of(const PodJson& json) {
  const PodJson* const metadata = pod_member(&json, "metadata");
  Pod pod{.key = pod_text(metadata, "namespace") + "/" + pod_text(metadata, "name"), .targets = {}};
  const PodJson* const status = pod_member(&json, "status");
  const std::string address = pod_text(status, "podIP");
  if (address.empty()) {
    return pod;
  }
  const Labels labels = labels_of_pod(json);
  static constexpr std::array<std::array<const char*, 2>, 2> kinds{
      {{"containers", "containerStatuses"}, {"initContainers", "initContainerStatuses"}}};
  for (const auto& [containers, statuses] : kinds) {
    const PodJson* const all = pod_member(pod_member(&json, "spec"), containers);
    if (all == nullptr || !all->IsArray()) {
      continue;
    }
    const bool is_init = std::string_view(containers) == "initContainers";
    for (const PodJson& one : all->GetArray()) {
      add_container(one, pod_member(status, statuses), is_init, labels, address, pod.targets);
    }
  }
  return pod;
}

base::Result<void> parse_json(std::string_view pod_text, rapidjson::Document& document) {
  // Iterative: however deep it is, it takes no stack.
  document.Parse<rapidjson::kParseIterativeFlag>(pod_text.data(), pod_text.size());
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
  const PodJson* const items = pod_member(&document, "items");
  const PodJson* const metadata = pod_member(&document, "metadata");
  const std::string version = pod_text(metadata, "resourceVersion");
  if (version.empty() || (items != nullptr && !items->IsArray())) {
    return base::fail(base::ErrorKind::invalid, "no list of pods");
  }
  PodList list{.pods = {}, .version = version, .rest = pod_text(metadata, "continue")};
  if (items != nullptr) {
    for (const PodJson& one : items->GetArray()) {
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
  const std::string type = pod_text(&document, "type");
  const PodJson* const object = pod_member(&document, "object");
  if (object == nullptr || !object->IsObject()) {
    return base::fail(base::ErrorKind::invalid, "an event without an object");
  }
  PodEvent event;
  event.version = pod_text(pod_member(object, "metadata"), "resourceVersion");
  if (type == "BOOKMARK") {
    return event;
  }
  if (type == "ERROR") {
    event.kind = PodEvent::Kind::error;
    const PodJson* const code = pod_member(object, "code");
    event.code = code != nullptr && code->IsInt() ? code->GetInt() : 0;
    event.message = pod_text(object, "message");
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
