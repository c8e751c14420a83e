#include "agent/pages/http_sd.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/query.h"
#include "base/text.h"
#include "base/utf8.h"
#include "check/go_expvar/instance_names.h"
#include "discovery/targets.h"
#include "net/target.h"

namespace heapwatch::agent::pages {

namespace {

using config::Value;
using discovery::Group;
using discovery::Groups;

constexpr std::string_view check_name = "go_expvar";  // of those in conf.d, the one with addresses
/// Instances that are unpacked at a time: all at once would be twenty kilobytes each.
constexpr std::size_t chunk = 64;

/// `env:prod` is the label env; a tag without a value has the value "true".
void add_tag(std::string_view tag, discovery::Labels& labels) {
  const std::size_t colon = tag.find(':');
  std::string name(tag.substr(0, colon));
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !base::is_label_name(std::string("_") + c); },
      '_');
  if (!base::is_label_name(name)) {
    name.insert(0, "_");
  }
  if (!name.starts_with("__")) {
    labels[name] = colon == std::string_view::npos ? std::string("true")
                                                   : base::valid_utf8(tag.substr(colon + 1));
  }
}

std::optional<Group> group_of(std::string_view check, std::string url,
                              const std::vector<std::string>& tags) {
  const auto place = net::parse_authority(url);
  if (!place) {
    return std::nullopt;
  }
  url.resize(std::min(url.find('?'), url.size()));
  Group group;
  group.addresses = {net::bracketed(place->host) + ":" + std::to_string(place->port)};
  for (const std::string& tag : tags) {
    add_tag(tag, group.labels);
  }
  const std::size_t path = url.find('/', url.find("://") + 3);
  group.labels["__scheme__"] = place->tls ? "https" : "http";
  group.labels["__meta_heapwatch_check"] = check;
  group.labels["__meta_heapwatch_path"] = path == std::string::npos ? "/" : url.substr(path);
  group.labels["__meta_heapwatch_url"] = std::move(url);
  return group;
}

std::vector<std::string> tags_of(const Value& instance, const Value& init_config) {
  std::vector<std::string> tags;
  if (const Value* const own = instance.find("tags")) {
    for (const Value& tag : own->items) {
      if (tag.kind == Value::Kind::scalar && tag.secret_handle.empty()) {
        tags.push_back(tag.text);
      }
    }
  }
  const Value* service = instance.find("service");
  service = service == nullptr ? init_config.find("service") : service;
  if (service != nullptr && service->kind == Value::Kind::scalar &&
      service->secret_handle.empty()) {
    tags.push_back("service:" + service->text);
  }
  return tags;
}

void add_configured(const config::PackedCheckConfig& packed, Groups& groups) {
  for (std::size_t begin = 0; begin < packed.instances; begin += chunk) {
    const auto some = packed.unpack(begin, std::min(begin + chunk, packed.instances));
    for (const Value& instance : some.instances) {
      const Value* const url = instance.find(check::url_key);
      const auto target = check::go_expvar::target_of(instance);
      if (url == nullptr || !url->secret_handle.empty() || !target ||
          !target->unix_socket.empty()) {
        continue;
      }
      if (auto group = group_of(check_name, target->url, tags_of(instance, some.init_config))) {
        groups.push_back(*std::move(group));
      }
    }
  }
}

}  // namespace

std::string http_sd_page(const wiring::InForce& in_force,
                         const std::vector<wiring::DiscoveredTarget>& discovered,
                         const std::optional<std::string>& check) {
  Groups groups;
  for (const config::PackedCheckConfig& packed : in_force.checks) {
    if (packed.check_name == check_name && (!check || *check == check_name)) {
      add_configured(packed, groups);
    }
  }
  for (const wiring::DiscoveredTarget& target : discovered) {
    if (check && *check != target.check_name) {
      continue;
    }
    auto group = group_of(target.check_name, target.endpoint.url, target.tags);
    if (group) {
      groups.push_back(*std::move(group));
    }
  }
  return discovery::to_json(groups);
}

net::Route http_sd_route(HttpSdSources sources) {
  return {.path = "/api/v1/http_sd",
          .help = "What is watched, as the http_sd of Prometheus reads it; ?check= of one check",
          .handler =
              [sources = std::move(sources)](const net::ServerRequest& request) {
                return net::ServerReply{
                    .content_type = "application/json; charset=utf-8",
                    .body = http_sd_page(*sources.in_force(), sources.discovered(),
                                         base::query_value(request.query, "check"))};
              },
          .shared = net::Route::Shared::by_query,
          .takes_long = true};
}

}  // namespace heapwatch::agent::pages
