#include "discovery/template.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "check/target_url.h"

namespace heapwatch::discovery {

namespace {

using config::Section;
using config::Value;

void set(Value& map, std::string_view key, Value value) {
  std::erase_if(map.members, [&](const Value::Member& member) { return member.key == key; });
  map.members.push_back({std::string(key), 0, 0, std::move(value)});
}

/// What a target's labels are where it has none of their name: as the job of a Prometheus has them.
void read_defaults(Section& discover, Labels& defaults) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 2> schemes{
      {{"http", "http"}, {"https", "https"}}};
  defaults["__scheme__"] = discover.one_of<std::string_view>("scheme", schemes).value_or("http");
  defaults["__metrics_path__"] = discover.text("metrics_path").value_or("/debug/vars");
  for (auto& [name, value] :
       discover.text_map("params").value_or(std::vector<std::pair<std::string, std::string>>{})) {
    if (!base::is_label_name("_" + name)) {
      discover.error("params", discover.name_of("params") + ": \"" + name +
                                   "\" must have letters, digits and \"_\" alone");
    }
    defaults["__param_" + name] = value;
  }
}

void read_sources(Section& discover, const config::AgentConfig& agent, Template& made,
                  bool needs_one = true) {
  bool has_any = false;
  for (const SourceKind& kind : source_kinds()) {
    auto sections = discover.sections(kind.key);
    for (Section& one : sections ? *sections : std::vector<Section>{}) {
      has_any = true;
      if (made.sources.size() == sources_max) {
        one.error("", discover.name_of(kind.key) + ": more than " + std::to_string(sources_max) +
                          " sources");
        return;
      }
      if (auto source = kind.read(one, agent)) {
        made.sources.push_back(std::move(source));
      }
    }
  }
  if (needs_one && !has_any && !discover.diagnostics().has_errors()) {
    std::string keys;
    for (const SourceKind& kind : source_kinds()) {
      keys += (keys.empty() ? "" : ", ") + std::string(kind.key);
    }
    const std::string name = discover.name_of("");  // with an arrow behind it
    discover.error("", name.substr(0, name.rfind(" ->")) + " names no source; one of " + keys);
  }
}

/// Where containers are found when nothing says so: at the sockets of a Docker and of a Podman of
/// this machine, and, in a pod, by the API of Kubernetes.
void add_usual_sources(Section& discover, const config::AgentConfig& agent, Template& made) {
  static constexpr std::array<std::string_view, 3> sockets{
      "/var/run/docker.sock", "/run/podman/podman.sock", "/host/var/run/docker.sock"};
  const auto add = [&](const std::string& text, decltype(SourceKind::read) read) {
    config::Diagnostics told_elsewhere;
    const Value options = config::parse_yaml(text, "", told_elsewhere);
    Section section(options, discover.file(), discover.diagnostics(),
                    discover.name_of("ad_identifiers"));
    if (auto source = read(section, agent)) {
      made.sources.push_back(std::move(source));
    }
  };
  for (const std::string_view socket : sockets) {
    std::error_code failure;
    if (std::filesystem::is_socket(socket, failure)) {
      add("{host: \"unix://" + std::string(socket) + "\", refresh_interval: 15s}",
          read_docker_source);
    }
  }
  const bool is_in_pod = config::process_environment("KUBERNETES_SERVICE_HOST").has_value();
  if (is_in_pod && config::process_environment("NODE_NAME").has_value()) {
    add("{role: pod}", read_kubernetes_source);
  } else if (is_in_pod) {
    discover.warning("",
                     "a template for Autodiscovery in a pod without the variable NODE_NAME, "
                     "which says of which node the pods are: none are looked for");
  }
  if (made.sources.empty()) {
    discover.warning("",
                     "a template for Autodiscovery, and there is neither a Docker nor a Podman "
                     "here, nor is this a pod of Kubernetes: nothing is found");
  }
}

/// Whether the instance has variables.
bool read_autodiscovery(Section& discover, Template& made) {
  const auto identifiers = discover.texts("ad_identifiers");
  const bool annotations = discover.boolean("ad_annotations").value_or(false);
  const auto options = discover.texts("ad_annotation_options");
  if (identifiers && (identifiers->empty() || identifiers->size() > identifiers_max)) {
    discover.error("ad_identifiers", discover.name_of("ad_identifiers") +
                                         " must be a list of 1 to " +
                                         std::to_string(identifiers_max) + " texts");
  }
  if (!identifiers && !annotations) {
    return false;
  }
  made.autodiscovery =
      AutodiscoveryOptions{.identifiers = identifiers.value_or(std::vector<std::string>{}),
                           .annotations = annotations,
                           .options = options.value_or(std::vector<std::string>{})};
  return true;
}

void read_shard(Section& discover, const config::AgentConfig& agent, Template& made) {
  auto shard = discover.section("shard");
  if (!shard) {
    return;
  }
  const std::size_t before = made.sources.size();
  bool has_members = false;
  if (auto members = shard->section("members")) {
    has_members = true;
    read_sources(*members, agent, made);
    members->finish();
  }
  made.member_sources = made.sources.size() - before;
  made.shard = discovery::read_shard(*shard, has_members);
  shard->finish();
}

/// It watches processes of this machine, and all others what has an address.
constexpr std::string_view check_of_processes = "memory";

void check_sources(Section& discover, const Template& made) {
  const bool is_of_processes = made.file.check_name == check_of_processes;
  const std::size_t own = made.sources.size() - made.member_sources;
  if (is_of_processes && made.autodiscovery) {
    discover.error("",
                   "discover: the check memory watches processes of this machine, which "
                   "processes names, and not containers");
    return;
  }
  for (std::size_t i = 0; i < made.sources.size(); ++i) {
    const SourceOptions& options = made.sources[i]->options();
    if (i < own && options.are_processes != is_of_processes) {
      discover.error("", is_of_processes
                             ? "discover: the check memory watches processes of this machine, "
                               "which processes names, and not what has an address"
                             : "discover: processes are for the check memory");
      return;
    }
    if (i >= own && options.are_processes) {
      discover.error("", "discover -> shard -> members: processes name no agents");
      return;
    }
  }
}

}  // namespace

bool is_template(const Value& instance) {
  return instance.find(discover_key) != nullptr;
}

std::optional<Template> read_template(const check::InstanceSource& source,
                                      config::Diagnostics& diagnostics) {
  const std::string file = source.file.file.string();
  config::Diagnostics own;
  const Value& all = source.instance;
  const Value* const written = all.find(discover_key);
  Section discover(*written, file, own, std::string(discover_key));
  Template made;
  made.file.check_name = source.file.check_name;
  made.file.file = source.file.file;
  made.file.init_config = source.file.init_config;
  made.instance = all;
  std::erase_if(made.instance.members,
                [](const Value::Member& member) { return member.key == discover_key; });
  made.fingerprint = config::check_fingerprint(source.file, all);
  made.name = file + ":" + std::to_string(all.line);
  made.url_option = discover.text("url_option").value_or(std::string(check::url_key));
  read_defaults(discover, made.defaults);
  if (auto rules = relabel::read_rules(discover, "relabel_configs")) {
    made.rules = *std::move(rules);
  }
  const bool has_variables = read_autodiscovery(discover, made);
  read_sources(discover, source.agent, made, !has_variables);
  if (has_variables && made.sources.empty()) {
    add_usual_sources(discover, source.agent, made);
  }
  read_shard(discover, source.agent, made);
  discover.finish();
  check_sources(discover, made);
  if (const Value* const url = made.instance.find(made.url_option);
      url != nullptr && !has_variables) {
    own.error(file, url->line, url->column,
              made.url_option +
                  " comes from the targets that are discovered; give the rest of the "
                  "address as scheme, metrics_path and params of discover");
  }
  for (const auto& source_made : made.sources) {
    made.fingerprint = base::fnv1a(source_made->options().name, made.fingerprint);
  }
  const bool well = !own.has_errors();
  diagnostics.append(own);
  return well ? std::optional(std::move(made)) : std::nullopt;
}

Value with_tags(Value instance, const Endpoint& endpoint, bool is_remote) {
  Value tags;
  tags.kind = Value::Kind::list;
  if (const Value* const own = instance.find("tags")) {
    tags.items = own->items;
  }
  for (const std::string& tag : endpoint.tags) {
    tags.items.push_back(Value::scalar(tag));
  }
  if (!tags.items.empty()) {
    set(instance, "tags", std::move(tags));
  }
  if (is_remote) {
    set(instance, "allow_redirects", Value::scalar("false", false));
  }
  return instance;
}

Value instance_of(const Template& from, const Endpoint& endpoint, bool is_remote) {
  Value instance = from.instance;
  set(instance, endpoint.option.empty() ? from.url_option : endpoint.option,
      Value::scalar(endpoint.url));
  return with_tags(std::move(instance), endpoint, is_remote);
}

}  // namespace heapwatch::discovery
