#include "discovery/selection.h"

#include <unordered_set>
#include <utility>

#include "net/target.h"

namespace heapwatch::discovery {

namespace {

class Selector {
 public:
  Selector(const Template& from, const Share& share) : from_(from), share_(share) {}

  void add(const SourceOptions& source, const Group& group) {
    for (const std::string& address : group.addresses) {
      Labels labels = group.labels;
      labels.insert_or_assign(std::string(address_label), address);
      for (const auto& [name, value] : from_.defaults) {
        auto& label = labels[name];
        if (label.empty()) {
          label = value;
        }
      }
      add(source, std::move(labels), address);
    }
  }

  /// By Autodiscovery: what a container's targets are is one.
  void add(const SourceOptions& source, const Service& service) {
    auto instances = instances_for(service);
    if (!instances) {
      refuse(instances.error().message);
      return;
    }
    if (instances->empty()) {
      return;
    }
    Labels labels = service.labels;
    labels.insert_or_assign(std::string(address_label), service.host);
    const auto made = relabel::apply(from_.rules, std::move(labels));
    if (!made) {
      refuse(service.name + ": " + made.error().message);
      return;
    }
    if (!*made) {
      ++selection_.dropped;
      return;
    }
    for (const config::Value& instance : *instances) {
      add_instance(source, service, instance, **made);
    }
  }

  Selection take() { return std::move(selection_); }

 private:
  void add(const SourceOptions& source, Labels labels, const std::string& address) {
    auto made = relabel::apply(from_.rules, std::move(labels));
    if (!made) {
      refuse(address + ": " + made.error().message);
      return;
    }
    if (!*made) {
      ++selection_.dropped;
      return;
    }
    auto endpoint = source.are_processes ? process_endpoint_of(**made) : endpoint_of(**made);
    if (!endpoint) {
      refuse(endpoint.error().message);
      return;
    }
    if (source.allowed && !source.allowed->allows(endpoint->host, endpoint->port)) {
      refuse(net::bracketed(endpoint->host) + ":" + std::to_string(endpoint->port) +
             " is not among the allowed_targets of " + source.name);
      return;
    }
    Chosen chosen{.endpoint = *std::move(endpoint), .is_remote = source.is_remote};
    add(std::move(chosen));
  }

  [[nodiscard]] base::Result<std::vector<config::Value>> instances_for(
      const Service& service) const {
    std::vector<config::Value> instances;
    if (is_meant(*from_.autodiscovery, service)) {
      instances.push_back(from_.instance);
    }
    if (!from_.autodiscovery->annotations) {
      return instances;
    }
    auto asked = instances_asked_for(service, from_.file.check_name);
    if (!asked) {
      return asked;
    }
    for (const config::Value& one : *asked) {
      config::Value instance = from_.instance;
      instance.kind = config::Value::Kind::map;
      for (const config::Value::Member& member : one.members) {
        if (member.key != from_.url_option && !may_be_asked_for(*from_.autodiscovery, member.key)) {
          return base::fail(base::ErrorKind::refused,
                            service.name + ": may not set " + member.key +
                                "; ad_annotation_options of the template allows it");
        }
        std::erase_if(instance.members, [&](const auto& own) { return own.key == member.key; });
        instance.members.push_back(member);
      }
      instances.push_back(std::move(instance));
    }
    return instances;
  }

  void add_instance(const SourceOptions& source, const Service& service,
                    const config::Value& instance, const Labels& labels) {
    auto made = resolved(instance, service);
    if (!made) {
      refuse(made.error().message);
      return;
    }
    Chosen chosen{.endpoint = {}, .is_remote = false, .instance = {}};
    chosen.endpoint.tags = tags_of(service);
    for (const auto& [name, value] : labels) {
      if (!name.starts_with("__")) {
        chosen.endpoint.tags.push_back(name + ":" + value);
      }
    }
    const config::Value* const url = made->find(from_.url_option);
    if (url != nullptr) {
      const auto place = net::parse_authority(net::with_scheme(url->text));
      // Who may annotate a pod decides what it is asked, and not whom heapwatch asks.
      const bool is_own = place && place->host == service.host;
      const bool is_allowed =
          source.allowed ? place && source.allowed->allows(place->host, place->port) : is_own;
      if (!is_allowed && (source.allowed || from_.autodiscovery->annotations)) {
        refuse(service.name + ": " + net::shown_url(url->text) +
               " is not the container, nor among the allowed_targets of " + source.name);
        return;
      }
      chosen.endpoint.url = url->text;
      chosen.endpoint.host = place ? place->host : std::string();
      chosen.endpoint.port = place ? place->port : std::uint16_t{0};
      chosen.is_remote = true;
    }
    if (url == nullptr && source.allowed && !source.allowed->allows(service.host, 0)) {
      refuse(service.name + ": " + service.host + " is not among the allowed_targets of " +
             source.name);
      return;
    }
    chosen.instance = *std::move(made);
    add(std::move(chosen));
  }

  void add(Chosen chosen) {
    std::string key = key_of(chosen);
    if (!seen_.insert(key).second) {
      return;
    }
    if (!share_.is_own || share_.is_own(chosen.instance ? key : chosen.endpoint.url)) {
      selection_.chosen.push_back(std::move(chosen));
      return;
    }
    ++selection_.elsewhere;
    if (share_.is_watched && share_.is_watched(key)) {
      selection_.moved.push_back(std::move(key));
    }
  }

  void refuse(std::string sentence) {
    ++selection_.refused;
    if (selection_.refusals.size() < refusals_told_max) {
      selection_.refusals.push_back(std::move(sentence));
    }
  }

  const Template& from_;
  const Share& share_;
  Selection selection_;
  std::unordered_set<std::string> seen_;
};

}  // namespace

Selection select(const Template& from, std::span<const SourceList> lists, const Share& share) {
  Selector selector(from, share);
  for (const SourceList& list : lists) {
    if (list.groups && from.autodiscovery) {
      for (const Service& service : services_of(*list.groups)) {
        selector.add(*list.options, service);
      }
    } else if (list.groups) {
      for (const Group& group : *list.groups) {
        selector.add(*list.options, group);
      }
    }
  }
  return selector.take();
}

config::Value instance_of(const Template& from, const Chosen& chosen) {
  return chosen.instance ? with_tags(*chosen.instance, chosen.endpoint, chosen.is_remote)
                         : instance_of(from, chosen.endpoint, chosen.is_remote);
}

std::string key_of(const Chosen& chosen) {
  std::string key = chosen.instance ? config::to_yaml(*chosen.instance)
                                    : chosen.endpoint.option + chosen.endpoint.url;
  for (const std::string& tag : chosen.endpoint.tags) {
    key += '\n';
    key += tag;
  }
  return key;
}

}  // namespace heapwatch::discovery
