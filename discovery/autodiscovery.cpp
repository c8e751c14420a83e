#include "discovery/autodiscovery.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "base/utf8.h"
#include "net/target.h"

namespace heapwatch::discovery {

namespace {

using config::Value;

constexpr std::string_view pod_prefix = "__meta_kubernetes_pod_";
constexpr std::string_view docker_prefix = "__meta_docker_";

std::string label_of(const Labels& labels, const std::string& name) {
  const auto found = labels.find(name);
  return found == labels.end() ? std::string() : found->second;
}
std::string of_pod(const Labels& labels, std::string_view name) {
  return label_of(labels, std::string(pod_prefix) + std::string(name));
}
std::string of_docker(const Labels& labels, std::string_view name) {
  return label_of(labels, std::string(docker_prefix) + std::string(name));
}

bool is_of_port(std::string_view name) {
  return name.starts_with("__meta_kubernetes_pod_container_port_") ||
         name.starts_with("__meta_docker_port_") || name.starts_with("__meta_docker_network_");
}

// --- what a container is called

struct Image {
  std::string whole;  // without tag and digest
  std::string name;   // its last part
  std::string tag;
};

Image image_of(std::string_view text) {
  text = text.substr(0, text.find('@'));
  const std::size_t slash = text.rfind('/');
  const std::size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
  const std::size_t colon = text.find(':', begin);
  Image image{.whole = std::string(text.substr(0, colon)), .name = {}, .tag = {}};
  image.name = image.whole.substr(begin);
  if (colon != std::string_view::npos) {
    image.tag = text.substr(colon + 1);
  }
  return image;
}

Image image_of(const Labels& labels) {
  const std::string pod = of_pod(labels, "container_image");
  return image_of(pod.empty() ? of_docker(labels, "container_image") : pod);
}

/// Annotations of a pod and labels of a container that are for Autodiscovery: `name` is what comes
/// behind the container's name, or behind com.datadoghq.ad.
std::string asked_by(const Labels& labels, const std::string& name) {
  const std::string container = of_pod(labels, "container_name");
  if (container.empty()) {
    return of_docker(labels, "container_label_com_datadoghq_ad_" + name);
  }
  return of_pod(labels,
                "annotation_ad_datadoghq_com_" + relabel::to_label_name(container) + "_" + name);
}

std::vector<std::string> identifiers_of(const Labels& labels) {
  if (std::string own = asked_by(labels, "check_id"); !own.empty()) {
    return {std::move(own)};
  }
  std::vector<std::string> identifiers;
  if (std::string id = of_pod(labels, "container_id"); !id.empty()) {
    identifiers.push_back(std::move(id));
  }
  if (const std::string id = of_docker(labels, "container_id"); !id.empty()) {
    identifiers.push_back("docker://" + id);
    identifiers.push_back(id);
  }
  const Image image = image_of(labels);
  identifiers.push_back(image.whole);
  if (image.name != image.whole) {
    identifiers.push_back(image.name);
  }
  return identifiers;
}

std::string container_key_of(const Labels& labels) {
  const std::string container = of_pod(labels, "container_name");
  return container.empty() ? of_docker(labels, "container_id")
                           : label_of(labels, "__meta_kubernetes_namespace") + "/" +
                                 of_pod(labels, "name") + "/" + container;
}

/// Of the networks of a container, that which is called `bridge`, or else the first.
void take_host(Service& service, const Labels& labels, const std::string& address) {
  const bool is_better = of_docker(labels, "network_name") == "bridge";
  if (!service.host.empty() && !is_better) {
    return;
  }
  const std::string pod = of_pod(labels, "ip");
  const std::string docker = of_docker(labels, "network_ip");
  service.host = !pod.empty()      ? pod
                 : !docker.empty() ? docker
                                   : address.substr(0, address.rfind(':'));
}

void take_port(Service& service, const Labels& labels) {
  const std::string of_kubernetes = of_pod(labels, "container_port_number");
  const std::string text =
      of_kubernetes.empty() ? of_docker(labels, "port_private") : of_kubernetes;
  std::uint16_t port = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), port).ec != std::errc{}) {
    return;
  }
  const auto is_there = std::any_of(service.ports.begin(), service.ports.end(),
                                    [&](const auto& one) { return one.first == port; });
  if (!is_there) {
    service.ports.emplace_back(port, of_pod(labels, "container_port_name"));
    std::sort(service.ports.begin(), service.ports.end());
  }
}

// --- variables

std::optional<std::string> port_of(const Service& service, std::string_view which) {
  if (service.ports.empty()) {
    return std::nullopt;
  }
  if (which.empty()) {
    return std::to_string(service.ports.back().first);
  }
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(which.data(), which.data() + which.size(), index);
  if (error == std::errc{} && end == which.data() + which.size()) {
    return index < service.ports.size() ? std::optional(std::to_string(service.ports[index].first))
                                        : std::nullopt;
  }
  const auto named = std::find_if(service.ports.begin(), service.ports.end(),
                                  [&](const auto& one) { return one.second == which; });
  return named == service.ports.end() ? std::nullopt : std::optional(std::to_string(named->first));
}

std::optional<std::string> when_filled(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

/// What `name`, without its %%, stands for. `is_in_address`: a port follows, or a scheme comes
/// before it.
std::optional<std::string> variable_of(std::string_view name, const Service& service,
                                       bool is_in_address) {
  const auto behind = [&](std::string_view prefix) { return name.substr(prefix.size()); };
  if (name == "host" || name.starts_with("host_")) {
    return is_in_address ? net::bracketed(service.host) : service.host;
  }
  if (name == "port" || name.starts_with("port_")) {
    return port_of(service, name == "port" ? "" : behind("port_"));
  }
  if (name == "kube_namespace") {
    return when_filled(label_of(service.labels, "__meta_kubernetes_namespace"));
  }
  if (name == "kube_pod_name") {
    return when_filled(of_pod(service.labels, "name"));
  }
  if (name == "kube_pod_uid") {
    return when_filled(of_pod(service.labels, "uid"));
  }
  if (name == "kube_node_name") {
    return when_filled(of_pod(service.labels, "node_name"));
  }
  return std::nullopt;
}

base::Result<Value> resolved_text(const Value& value, const Service& service) {
  constexpr std::string_view mark = "%%";
  std::string made;
  std::string_view rest = value.text;
  bool is_port_alone = false;
  for (std::size_t begin = rest.find(mark); begin != std::string_view::npos;
       begin = rest.find(mark)) {
    const std::size_t end = rest.find(mark, begin + mark.size());
    if (end == std::string_view::npos) {
      break;
    }
    const std::string_view name = rest.substr(begin + mark.size(), end - begin - mark.size());
    made += rest.substr(0, begin);
    const std::string_view behind = rest.substr(end + mark.size());
    const bool is_in_address = made.ends_with("://") || behind.starts_with(":");
    const auto text = variable_of(name, service, is_in_address);
    if (!text) {
      return base::fail(base::ErrorKind::not_found,
                        service.name + ": has nothing for the variable %%" +
                            std::string(base::whole_characters(name, 100)) + "%%");
    }
    is_port_alone = made.empty() && behind.empty() && name.starts_with("port");
    made += *text;
    rest = behind;
  }
  Value result = value;
  result.text = made + std::string(rest);
  result.quoted = value.quoted && !is_port_alone;  // a number where one is wanted
  return result;
}

// --- what containers ask for

base::Result<Value> parsed_annotation(const Service& service, const std::string& name,
                                      const std::string& text) {
  config::Diagnostics diagnostics;
  Value value = config::parse_yaml(text, "", diagnostics);
  if (diagnostics.has_errors()) {
    return base::fail(base::ErrorKind::invalid, service.name + ": " + name + " is no JSON: " +
                                                    diagnostics.all().front().message);
  }
  return value;
}

base::Result<void> add_instances(const Service& service, const Value& all,
                                 std::vector<Value>& instances) {
  const auto wrong = [&] {
    return base::fail(base::ErrorKind::invalid, service.name + ": instances must be a list of " +
                                                    std::to_string(annotated_instances_max) +
                                                    " maps at most");
  };
  if (all.kind == Value::Kind::map) {
    instances.push_back(all);
  } else if (all.kind != Value::Kind::list) {
    return wrong();
  }
  for (const Value& one : all.items) {
    if (one.kind != Value::Kind::map || instances.size() == annotated_instances_max) {
      return wrong();
    }
    instances.push_back(one);
  }
  return {};
}

/// Before there was `checks`: three lists, in step.
base::Result<std::vector<Value>> instances_of_lists(const Service& service,
                                                    std::string_view check_name) {
  std::vector<Value> instances;
  const std::string names = asked_by(service.labels, "check_names");
  if (names.empty()) {
    return instances;
  }
  const auto named = parsed_annotation(service, "check_names", names);
  const auto lists = parsed_annotation(service, "instances", asked_by(service.labels, "instances"));
  if (!named || !lists) {
    return tl::unexpected(named ? lists.error() : named.error());
  }
  for (std::size_t i = 0; i < named->items.size(); ++i) {
    if (named->items[i].text != check_name) {
      continue;
    }
    if (i >= lists->items.size()) {
      return base::fail(base::ErrorKind::invalid,
                        service.name + ": check_names has more entries than instances");
    }
    if (auto added = add_instances(service, lists->items[i], instances); !added) {
      return tl::unexpected(added.error());
    }
  }
  return instances;
}

}  // namespace

std::vector<Service> services_of(const Groups& groups) {
  std::vector<Service> services;
  std::map<std::string, std::size_t> places;
  for (const Group& group : groups) {
    const std::string key = container_key_of(group.labels);
    if (key.empty() || group.addresses.empty() ||
        of_pod(group.labels, "container_init") == "true") {
      continue;
    }
    const auto [place, is_new] = places.emplace(key, services.size());
    if (is_new) {
      Service service;
      service.name = key;
      service.identifiers = identifiers_of(group.labels);
      for (const auto& [name, value] : group.labels) {
        if (!is_of_port(name)) {
          service.labels.emplace(name, value);
        }
      }
      services.push_back(std::move(service));
    }
    Service& service = services[place->second];
    take_host(service, group.labels, group.addresses.front());
    take_port(service, group.labels);
  }
  return services;
}

bool is_meant(const AutodiscoveryOptions& options, const Service& service) {
  return std::any_of(
      options.identifiers.begin(), options.identifiers.end(), [&](const std::string& one) {
        return std::find(service.identifiers.begin(), service.identifiers.end(), one) !=
               service.identifiers.end();
      });
}

base::Result<Value> resolved(const Value& value, const Service& service) {
  if (value.kind == Value::Kind::scalar) {
    return resolved_text(value, service);
  }
  Value made = value;
  for (Value& item : made.items) {
    auto one = resolved(item, service);
    if (!one) {
      return one;
    }
    item = *std::move(one);
  }
  for (Value::Member& member : made.members) {
    auto one = resolved(member.value, service);
    if (!one) {
      return one;
    }
    member.value = *std::move(one);
  }
  return made;
}

base::Result<std::vector<Value>> instances_asked_for(const Service& service,
                                                     std::string_view check_name) {
  const std::string text = asked_by(service.labels, "checks");
  if (text.empty()) {
    return instances_of_lists(service, check_name);
  }
  const auto checks = parsed_annotation(service, "checks", text);
  if (!checks) {
    return tl::unexpected(checks.error());
  }
  std::vector<Value> instances;
  const Value* const check = checks->find(check_name);
  const Value* const all = check == nullptr ? nullptr : check->find("instances");
  if (all != nullptr) {
    if (auto added = add_instances(service, *all, instances); !added) {
      return tl::unexpected(added.error());
    }
  }
  return instances;
}

bool may_be_asked_for(const AutodiscoveryOptions& options, std::string_view key) {
  static constexpr std::array<std::string_view, 14> usual{"namespace",
                                                          "name",
                                                          "metrics",
                                                          "tags",
                                                          "service",
                                                          "min_collection_interval",
                                                          "max_returned_metrics",
                                                          "memstats",
                                                          "auto",
                                                          "exclude",
                                                          "naming",
                                                          "timeout",
                                                          "metric_patterns",
                                                          "empty_default_hostname"};
  return std::find(usual.begin(), usual.end(), key) != usual.end() ||
         std::find(options.options.begin(), options.options.end(), key) != options.options.end();
}

std::vector<std::string> tags_of(const Service& service) {
  std::vector<std::string> tags;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) {
      tags.push_back(name + std::string(":") + value);
    }
  };
  const Image image = image_of(service.labels);
  add("kube_namespace", label_of(service.labels, "__meta_kubernetes_namespace"));
  add("pod_name", of_pod(service.labels, "name"));
  add("kube_container_name", of_pod(service.labels, "container_name"));
  std::string name = of_docker(service.labels, "container_name");
  name.erase(0, name.starts_with('/') ? 1 : 0);
  add("container_name", name);
  add("image_name", image.whole);
  add("short_image", image.name);
  add("image_tag", image.tag);
  return tags;
}

}  // namespace heapwatch::discovery
