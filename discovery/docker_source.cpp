// docker_sd: the containers of a Docker or a Podman, by its API.
#include <rapidjson/document.h>

#include <algorithm>
#include <utility>

#include "base/json_document.h"
#include "base/text.h"
#include "base/utf8.h"
#include "check/http/http_options.h"
#include "check/target_url.h"
#include "discovery/source.h"
#include "net/event_loop.h"
#include "net/target.h"

namespace heapwatch::discovery {

namespace {

using base::json_member;
using base::json_text;
using base::JsonValue;

constexpr std::chrono::milliseconds docker_refresh{60'000};
constexpr std::size_t filters_max = 32;
constexpr std::string_view docker_label_prefix = "__meta_docker_";
constexpr std::string_view unix_scheme = "unix://";

struct DockerOptions {
  net::HttpRequest request;
  std::string port = "80";                         // of containers without ports
  std::string host_networking_host = "localhost";  // of those in the network of the machine
};

std::string docker_number(const JsonValue* value) {
  return value != nullptr && value->IsUint() && value->GetUint() != 0
             ? std::to_string(value->GetUint())
             : std::string();
}

void set_docker(Labels& labels, const std::string& name, const std::string& value) {
  if (!value.empty() && value.size() <= relabel::value_bytes_max &&
      base::valid_utf8(value) == value) {
    labels[std::string(docker_label_prefix) + name] = value;
  }
}

Labels docker_labels_of(const JsonValue& container) {
  Labels labels;
  set_docker(labels, "container_id", json_text(&container, "Id"));
  set_docker(labels, "container_image", json_text(&container, "Image"));
  set_docker(labels, "container_network_mode",
             json_text(json_member(&container, "HostConfig"), "NetworkMode"));
  const JsonValue* const names = json_member(&container, "Names");
  if (names != nullptr && names->IsArray() && !names->Empty()) {
    set_docker(labels, "container_name", json_text(&*names->Begin()));
  }
  const JsonValue* const own = json_member(&container, "Labels");
  if (own != nullptr && own->IsObject()) {
    for (const auto& one : own->GetObject()) {
      if (labels.size() < group_labels_max / 2) {
        set_docker(labels, "container_label_" + relabel::to_label_name(json_text(&one.name)),
                   json_text(&one.value));
      }
    }
  }
  return labels;
}

/// In one of its networks: each TCP port of it, or, where it has none, the container.
void add_network(const JsonValue& container, const Labels& labels, const std::string& address,
                 const DockerOptions& options, Groups& groups) {
  const std::size_t before = groups.size();
  bool has_port = false;
  const JsonValue* const ports = json_member(&container, "Ports");
  for (rapidjson::SizeType i = 0; ports != nullptr && ports->IsArray() && i < ports->Size(); ++i) {
    const JsonValue* const port = &(*ports)[i];
    const std::string inner = docker_number(json_member(port, "PrivatePort"));
    if (json_text(port, "Type") != "tcp" || inner.empty() || address.empty()) {
      continue;
    }
    Labels of_port = labels;
    set_docker(of_port, "port_private", inner);
    set_docker(of_port, "port_public", docker_number(json_member(port, "PublicPort")));
    set_docker(of_port, "port_public_ip", json_text(port, "IP"));
    Group group{.addresses = {net::bracketed(address) + ":" + inner}, .labels = std::move(of_port)};
    // A port that is published at an IPv4 and an IPv6 address is there twice.
    if (groups.size() == before || groups.back().addresses != group.addresses) {
      groups.push_back(std::move(group));
    }
    has_port = true;
  }
  if (!has_port) {
    const auto mode = labels.find("__meta_docker_container_network_mode");
    const bool is_host = mode != labels.end() && mode->second == "host";
    const std::string& host = is_host ? options.host_networking_host : address;
    if (!host.empty()) {
      groups.push_back(
          {.addresses = {net::bracketed(host) + ":" + options.port}, .labels = labels});
    }
  }
}

void add_docker_container(const JsonValue& container, const DockerOptions& options,
                          Groups& groups) {
  const Labels labels = docker_labels_of(container);
  const JsonValue* const networks =
      json_member(json_member(&container, "NetworkSettings"), "Networks");
  if (networks == nullptr || !networks->IsObject() || networks->ObjectEmpty()) {
    add_network(container, labels, "", options, groups);
    return;
  }
  for (const auto& network : networks->GetObject()) {
    Labels in_network = labels;
    std::string address = json_text(&network.value, "IPAddress");
    if (address.empty()) {
      address = json_text(&network.value, "GlobalIPv6Address");
    }
    set_docker(in_network, "network_name", json_text(&network.name));
    set_docker(in_network, "network_id", json_text(&network.value, "NetworkID"));
    set_docker(in_network, "network_ip", address);
    add_network(container, in_network, address, options, groups);
  }
}

class DockerSource final : public Source {
 public:
  DockerSource(SourceOptions options, DockerOptions docker)
      : Source(std::move(options)),
        docker_(std::move(docker)),
        request_(std::make_shared<const net::HttpRequest>(docker_.request)),
        loop_(net::EventLoop::create(
            {.transfers_max = 1, .idle_connections_max = 1, .idle_handles_max = 1})) {}

  base::Result<Answer> ask(const Groups& /*known*/) override {
    if (!loop_) {
      return tl::unexpected(loop_.error());
    }
    std::optional<net::HttpResult> answer;
    (*loop_)->fetch(request_, [&](net::HttpResult result) {
      answer = std::move(result);
      (*loop_)->stop();
    });
    (*loop_)->run();
    if (!answer) {
      return base::fail(base::ErrorKind::io,
                        options().name + ": was told to end before there was an answer");
    }
    if (!*answer) {
      return tl::unexpected(answer->error());
    }
    if ((*answer)->status != 200) {
      return base::fail(base::ErrorKind::refused,
                        options().name + ": answered " + net::status_text((*answer)->status));
    }
    return read((*answer)->body);
  }

  void interrupt() noexcept override {
    if (loop_) {
      (*loop_)->stop();
    }
  }

 private:
  [[nodiscard]] base::Result<Answer> read(const std::string& body) const {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(body.data(), body.size());
    if (document.HasParseError() || !document.IsArray()) {
      return base::fail(base::ErrorKind::invalid,
                        options().name + ": the answer is no list of containers");
    }
    Answer answer;
    for (const JsonValue& container : document.GetArray()) {
      add_docker_container(container, docker_, answer.groups);
    }
    std::sort(answer.groups.begin(), answer.groups.end(), [](const Group& a, const Group& b) {
      return std::tie(a.labels, a.addresses) < std::tie(b.labels, b.addresses);
    });
    if (auto checked = check_count(count_targets(answer.groups), options().limits); !checked) {
      return tl::unexpected(checked.error());
    }
    return answer;
  }

  DockerOptions docker_;
  net::HttpRequestPtr request_;
  const base::Result<std::unique_ptr<net::EventLoop>> loop_;
};

/// As the API wants them: {"label": ["a=b"]}.
std::string read_filters(config::Section& section) {
  auto filters = section.sections("filters");
  if (!filters || filters->empty()) {
    return {};
  }
  if (filters->size() > filters_max) {
    section.error("filters",
                  section.name_of("filters") + ": more than " + std::to_string(filters_max));
  }
  rapidjson::Document all;
  std::string json = "{";
  for (config::Section& one : *filters) {
    const std::string name = one.text("name").value_or("");
    if (name.empty() || name.find_first_of("\"\\") != std::string::npos) {
      one.error("name", one.name_of("name") + " must be the name of a filter, such as label");
    }
    json += (json.size() == 1 ? "" : ",") + ('"' + name) + "\":[";
    bool is_first = true;
    for (const std::string& value : one.texts("values").value_or(std::vector<std::string>{})) {
      if (value.find_first_of("\"\\") != std::string::npos) {
        one.error("values", one.name_of("values") + ": must hold no quotes and no \\");
      }
      json += (std::exchange(is_first, false) ? "\"" : ",\"") + value + '"';
    }
    json += "]";
    one.finish();
  }
  return "?filters=" + base::percent_encoded(json + "}", [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("-._~").find(c) != std::string_view::npos;
         });
}

}  // namespace

std::unique_ptr<Source> read_docker_source(config::Section& section,
                                           const config::AgentConfig& agent) {
  const std::size_t errors_before = section.diagnostics().error_count();
  DockerOptions docker;
  std::string host = section.text("host").value_or("");
  const std::string shown = host;
  std::string socket;
  if (host.starts_with(unix_scheme)) {
    socket = host.substr(unix_scheme.size());
    host = "http://docker";
  }
  while (host.ends_with('/')) {
    host.pop_back();
  }
  if (host.empty() || !net::parse_authority(host + "/") ||
      (shown.starts_with(unix_scheme) && !socket.starts_with('/'))) {
    section.error("host", section.name_of("host") +
                              " must be unix:///PATH/TO/SOCKET, http://HOST:PORT or "
                              "https://HOST:PORT, where a Docker or a Podman answers");
  }
  docker.port = std::to_string(section.integer("port", 1, 65535).value_or(80));
  docker.host_networking_host =
      section.text("host_networking_host").value_or(docker.host_networking_host);
  const std::string query = read_filters(section);
  const config::Value nothing;
  config::Section no_init_config(nothing, section.file(), section.diagnostics());
  auto request = check::http::read_http_options(no_init_config, section, agent);
  SourceOptions options = read_common(section, {.refresh_interval = docker_refresh});
  if (section.diagnostics().error_count() != errors_before || !request) {
    return nullptr;
  }
  options.is_remote = socket.empty();
  options.name = "docker_sd " + shown;
  request->url = host + "/containers/json" + query;
  request->unix_socket = socket;
  request->shown_as = shown;
  request->follow_redirects = false;
  request->total_timeout = std::min(request->total_timeout, options.refresh_interval);
  docker.request = *std::move(request);
  return std::make_unique<DockerSource>(std::move(options), std::move(docker));
}

}  // namespace heapwatch::discovery
