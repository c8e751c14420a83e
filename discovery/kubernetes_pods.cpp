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

using base::ErrorKind;
using base::fail;
using Json = rapidjson::Value;

constexpr std::string_view prefix = "__meta_kubernetes_";
/// Labels and annotations of a pod that become labels: others of a target need room, too.
constexpr std::size_t texts_max = 100;

/// Null where there is no such member, or `object` is none.
const Json* member(const Json* object, const char* name) {
  if (object == nullptr || !object->IsObject()) {
    return nullptr;
  }
  const auto found = object->FindMember(name);
  return found == object->MemberEnd() || found->value.IsNull() ? nullptr : &found->value;
}

std::string text(const Json* object, const char* name) {
  const Json* const value = member(object, name);
  return value != nullptr && value->IsString()
             ? std::string(value->GetString(), value->GetStringLength())
             : std::string();
}

/// What a name of Kubernetes is as the end of a label's name.
std::string label_name(std::string_view name) {
  std::string made(name);
  std::replace_if(
      made.begin(), made.end(),
      [](char c) { return !relabel::is_label_name(std::string("_") + c); }, '_');
  return made;
}

void set(Labels& labels, const std::string& name, std::string value) {
  if (!value.empty()) {
    labels[std::string(prefix) + name] = std::move(value);
  }
}

/// `kind`: "pod_label" or "pod_annotation". What is too long for a label is left out.
void add_texts(const Json* map, const std::string& kind, Labels& labels) {
  if (map == nullptr || !map->IsObject()) {
    return;
  }
  std::size_t added = 0;
  for (const auto& one : map->GetObject()) {
    const std::string_view value(one.value.IsString() ? one.value.GetString() : "",
                                 one.value.IsString() ? one.value.GetStringLength() : 0);
    const std::string name = label_name({one.name.GetString(), one.name.GetStringLength()});
    if (added == texts_max || value.size() > relabel::value_bytes_max ||
        name.size() > relabel::name_bytes_max / 2 || base::valid_utf8(value) != value) {
      continue;
    }
    ++added;
    labels[std::string(prefix) + kind + "_" + name] = value;
    labels[std::string(prefix) + kind + "present_" + name] = "true";
  }
}

std::string readiness(const Json* status) {
  const Json* const conditions = member(status, "conditions");
  if (conditions != nullptr && conditions->IsArray()) {
    for (const Json& one : conditions->GetArray()) {
      if (text(&one, "type") == "Ready") {
        return base::ascii_lower(text(&one, "status"));
      }
    }
  }
  return "unknown";
}

void add_controller(const Json* metadata, Labels& labels) {
  const Json* const owners = member(metadata, "ownerReferences");
  if (owners == nullptr || !owners->IsArray()) {
    return;
  }
  for (const Json& owner : owners->GetArray()) {
    const Json* const is_controller = member(&owner, "controller");
    if (is_controller != nullptr && is_controller->IsBool() && is_controller->GetBool()) {
      set(labels, "pod_controller_kind", text(&owner, "kind"));
      set(labels, "pod_controller_name", text(&owner, "name"));
      return;
    }
  }
}

Labels labels_of_pod(const Json& pod) {
  const Json* const metadata = member(&pod, "metadata");
  const Json* const spec = member(&pod, "spec");
  const Json* const status = member(&pod, "status");
  Labels labels;
  set(labels, "namespace", text(metadata, "namespace"));
  set(labels, "pod_name", text(metadata, "name"));
  set(labels, "pod_uid", text(metadata, "uid"));
  set(labels, "pod_ip", text(status, "podIP"));
  set(labels, "pod_host_ip", text(status, "hostIP"));
  set(labels, "pod_node_name", text(spec, "nodeName"));
  set(labels, "pod_phase", text(status, "phase"));
  set(labels, "pod_ready", readiness(status));
  add_controller(metadata, labels);
  add_texts(member(metadata, "labels"), "pod_label", labels);
  add_texts(member(metadata, "annotations"), "pod_annotation", labels);
  return labels;
}

std::string container_id(const Json* statuses, const std::string& name) {
  if (statuses != nullptr && statuses->IsArray()) {
    for (const Json& one : statuses->GetArray()) {
      if (text(&one, "name") == name) {
        return text(&one, "containerID");
      }
    }
  }
  return {};
}

void add_container(const Json& container, const Json* statuses, bool is_init, const Labels& of_pod,
                   const std::string& address, Groups& targets) {
  Labels labels = of_pod;
  const std::string name = text(&container, "name");
  set(labels, "pod_container_name", name);
  set(labels, "pod_container_image", text(&container, "image"));
  set(labels, "pod_container_id", container_id(statuses, name));
  set(labels, "pod_container_init", is_init ? "true" : "false");
  const Json* const ports = member(&container, "ports");
  if (ports == nullptr || !ports->IsArray() || ports->Empty()) {
    targets.push_back({.addresses = {net::bracketed(address)}, .labels = std::move(labels)});
    return;
  }
  for (const Json& port : ports->GetArray()) {
    const Json* const number = member(&port, "containerPort");
    if (number == nullptr || !number->IsInt()) {
      continue;
    }
    Labels of_port = labels;
    const std::string digits = std::to_string(number->GetInt());
    const std::string protocol = text(&port, "protocol");
    set(of_port, "pod_container_port_name", text(&port, "name"));
    set(of_port, "pod_container_port_number", digits);
    set(of_port, "pod_container_port_protocol", protocol.empty() ? "TCP" : protocol);
    targets.push_back(
        {.addresses = {net::bracketed(address) + ":" + digits}, .labels = std::move(of_port)});
  }
}

Pod pod_of(const Json& json) {
  const Json* const metadata = member(&json, "metadata");
  Pod pod{.key = text(metadata, "namespace") + "/" + text(metadata, "name"), .targets = {}};
  const Json* const status = member(&json, "status");
  const std::string address = text(status, "podIP");
  if (address.empty()) {
    return pod;
  }
  const Labels labels = labels_of_pod(json);
  static constexpr std::array<std::array<const char*, 2>, 2> kinds{
      {{"containers", "containerStatuses"}, {"initContainers", "initContainerStatuses"}}};
  for (const auto& [containers, statuses] : kinds) {
    const Json* const all = member(member(&json, "spec"), containers);
    if (all == nullptr || !all->IsArray()) {
      continue;
    }
    const bool is_init = std::string_view(containers) == "initContainers";
    for (const Json& one : all->GetArray()) {
      add_container(one, member(status, statuses), is_init, labels, address, pod.targets);
    }
  }
  return pod;
}

base::Result<void> parse(std::string_view text, rapidjson::Document& document) {
  // Iterative: however deep it is, it takes no stack.
  document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  if (document.HasParseError()) {
    return fail(ErrorKind::invalid,
                "no JSON at byte " + std::to_string(document.GetErrorOffset()) + ": " +
                    base::ascii_lower(rapidjson::GetParseError_En(document.GetParseError())));
  }
  return {};
}

}  // namespace

base::Result<PodList> parse_pod_list(std::string_view text_of_list) {
  rapidjson::Document document;
  if (auto parsed = parse(text_of_list, document); !parsed) {
    return tl::unexpected(parsed.error());
  }
  const Json* const items = member(&document, "items");
  const Json* const metadata = member(&document, "metadata");
  const std::string version = text(metadata, "resourceVersion");
  if (version.empty() || (items != nullptr && !items->IsArray())) {
    return fail(ErrorKind::invalid, "no list of pods");
  }
  PodList list{.pods = {}, .version = version, .rest = text(metadata, "continue")};
  if (items != nullptr) {
    for (const Json& one : items->GetArray()) {
      list.pods.push_back(pod_of(one));
    }
  }
  return list;
}

base::Result<PodEvent> parse_pod_event(std::string_view line) {
  rapidjson::Document document;
  if (auto parsed = parse(line, document); !parsed) {
    return tl::unexpected(parsed.error());
  }
  const std::string type = text(&document, "type");
  const Json* const object = member(&document, "object");
  if (object == nullptr || !object->IsObject()) {
    return fail(ErrorKind::invalid, "an event without an object");
  }
  PodEvent event;
  event.version = text(member(object, "metadata"), "resourceVersion");
  if (type == "BOOKMARK") {
    return event;
  }
  if (type == "ERROR") {
    event.kind = PodEvent::Kind::error;
    const Json* const code = member(object, "code");
    event.code = code != nullptr && code->IsInt() ? code->GetInt() : 0;
    event.message = text(object, "message");
    return event;
  }
  if (type != "ADDED" && type != "MODIFIED" && type != "DELETED") {
    return fail(ErrorKind::invalid, "an event of the unknown type \"" +
                                        std::string(base::whole_characters(type, 100)) + "\"");
  }
  event.kind = type == "DELETED" ? PodEvent::Kind::removed : PodEvent::Kind::set;
  event.pod = pod_of(*object);
  return event;
}

}  // namespace heapwatch::discovery
