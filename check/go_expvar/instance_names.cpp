#include "check/go_expvar/instance_names.h"

#include <array>
#include <utility>

#include "check/go_expvar/name.h"

namespace heapwatch::check::go_expvar {

namespace {

using config::Section;
using config::Value;

constexpr std::string_view namespace_key = "namespace";

constexpr std::array<std::pair<std::string_view, Naming>, 2> namings{{
    {"guide", Naming::guide},
    {"reference", Naming::reference},
}};

std::optional<std::string> read_namespace(Section& instance) {
  auto prefix = instance.text(namespace_key);
  const Value* const value = instance.value().find(namespace_key);
  if (value != nullptr && value->kind == Value::Kind::null) {
    return std::nullopt;
  }
  if (prefix && prefix->empty()) {
    instance.warning(namespace_key,
                     "with an empty namespace all names begin with a dot; write `namespace: null` "
                     "for names without one");
  }
  return prefix.value_or("go_expvar");
}

}  // namespace

InstanceNames read_names(Section& init_config, Section& instance,
                         const config::AgentConfig& agent) {
  using config::MemstatsNames;
  InstanceNames names;
  names.prefix = read_namespace(instance);
  const auto naming = init_config.one_of<Naming>("naming", namings);
  names.naming =
      instance.one_of<Naming>("naming", namings).value_or(naming.value_or(Naming::guide));
  names.memstats = instance.boolean("memstats").value_or(true);
  const auto inherited =
      init_config.one_of<MemstatsNames>("memstats_names", config::words_of_memstats_names)
          .value_or(agent.prometheus.memstats_names);
  names.memstats_names =
      instance.one_of<MemstatsNames>("memstats_names", config::words_of_memstats_names)
          .value_or(inherited);
  return names;
}

InstanceNames names_of(const Value& init_config, const Value& instance,
                       const config::AgentConfig& agent) {
  config::Diagnostics unsaid;
  Section init_section(init_config, "", unsaid, "init_config");
  Section instance_section(instance, "", unsaid, "instance");
  return read_names(init_section, instance_section, agent);
}

std::optional<std::string> written_namespace(const Value& instance) {
  const Value* const name = instance.find(namespace_key);
  return name == nullptr ? std::nullopt : std::optional(name->text);
}

std::optional<TargetUrl> target_of(const Value& instance) {
  const Value* const url = instance.find(url_key);
  auto target = parse_target_url(url == nullptr ? "" : url->text);
  return target ? std::optional(std::move(*target)) : std::nullopt;
}

bool lists_rtloader(const Value& instance) {
  const Value* const metrics = instance.find("metrics");
  return metrics != nullptr && config::to_yaml(*metrics).find("rtloader") != std::string::npos;
}

std::string name_prefix(const std::optional<std::string>& prefix) {
  constexpr std::string_view name = "memstats";
  std::string whole = normalize(name, prefix);
  whole.resize(whole.size() - name.size());
  return whole;
}

}  // namespace heapwatch::check::go_expvar
