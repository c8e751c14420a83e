#include "discovery/template.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/hash.h"
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
    if (!relabel::is_label_name("_" + name)) {
      discover.error("params", discover.name_of("params") + ": \"" + name +
                                   "\" must have letters, digits and \"_\" alone");
    }
    defaults["__param_" + name] = value;
  }
}

void read_sources(Section& discover, const config::AgentConfig& agent, Template& made) {
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
  if (!has_any && !discover.diagnostics().has_errors()) {
    std::string keys;
    for (const SourceKind& kind : source_kinds()) {
      keys += (keys.empty() ? "" : ", ") + std::string(kind.key);
    }
    discover.error("", discover.name_of("") + " names no source; one of " + keys);
  }
}

/// The memory check watches processes of this machine, by other options.
constexpr std::string_view check_without_targets = "memory";

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
  read_sources(discover, source.agent, made);
  discover.finish();
  if (source.file.check_name == check_without_targets) {
    discover.error("", "discover: the check memory watches processes of this machine, not targets");
  }
  if (const Value* const url = made.instance.find(made.url_option)) {
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

Value instance_of(const Template& from, const Endpoint& endpoint, bool is_remote) {
  Value instance = from.instance;
  set(instance, from.url_option, Value::scalar(endpoint.url));
  Value tags;
  tags.kind = Value::Kind::list;
  if (const Value* const own = from.instance.find("tags")) {
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

}  // namespace heapwatch::discovery
