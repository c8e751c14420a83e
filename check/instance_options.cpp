#include "check/instance_options.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>

namespace heapwatch::check {

namespace {

constexpr config::Section::Range interval_seconds{0.1, 7.0 * 24 * 3600};
constexpr std::size_t patterns_max = 1000;

/// The patterns of one list as one regex. Absent when the list is, or is wrong, or empty.
std::shared_ptr<const re2::RE2> read_patterns(config::Section& section, std::string_view key) {
  const auto patterns = section.texts(key);
  if (!patterns || patterns->empty()) {
    return nullptr;
  }
  if (patterns->size() > patterns_max) {
    section.error(
        key, section.name_of(key) + " has more than " + std::to_string(patterns_max) + " patterns");
    return nullptr;
  }
  re2::RE2::Options quiet;
  quiet.set_log_errors(false);
  std::string all;
  for (std::size_t i = 0; i < patterns->size(); ++i) {
    const std::string& pattern = (*patterns)[i];
    const re2::RE2 alone(pattern, quiet);
    if (!alone.ok()) {
      const config::Value& item = section.raw(key)->items[i];
      section.diagnostics().error(section.file(), item.line, item.column,
                                  section.name_of(key) + " -> " + std::to_string(i + 1) +
                                      " must be a regular expression (RE2): " + alone.error());
      return nullptr;
    }
    all += (i == 0 ? "(?:" : "|(?:") + pattern + ")";
  }
  auto regex = std::make_shared<const re2::RE2>(all, quiet);
  if (!regex->ok()) {
    section.error(key, section.name_of(key) + " is too large as a whole: " + regex->error());
    return nullptr;
  }
  return regex;
}

/// Where the instance stands in its file, 1-based, as errors count; 0 when it is none of the file's
/// own.
std::size_t index_of(const InstanceSource& source) {
  const auto& all = source.file.instances;
  const auto found = std::find_if(all.begin(), all.end(), [&](const config::Value& value) {
    return &value == &source.instance;
  });
  return found == all.end() ? 0 : static_cast<std::size_t>(found - all.begin()) + 1;
}

}  // namespace

bool MetricPatterns::allows(std::string_view name) const {
  const re2::StringPiece text(name.data(), name.size());
  if (exclude && re2::RE2::PartialMatch(text, *exclude)) {
    return false;
  }
  return !include || re2::RE2::PartialMatch(text, *include);
}

std::optional<InstanceOptions> read_instance_options(config::Section& init_config,
                                                     config::Section& instance,
                                                     std::string_view check_name,
                                                     const config::AgentConfig& agent) {
  const std::size_t errors_before = instance.diagnostics().error_count();
  InstanceOptions options;
  options.disable_generic_tags = instance.boolean("disable_generic_tags").value_or(false);
  for (const std::string& tag : instance.texts("tags").value_or(metrics::Tags{})) {
    options.tags.push_back(options.disable_generic_tags ? without_generic_key(tag, check_name)
                                                        : tag);
  }
  const auto inherited_service = init_config.text("service");
  const auto service = instance.text("service");
  if (service || inherited_service) {
    options.tags.push_back("service:" + (service ? *service : *inherited_service));
  }
  const auto inherited_interval = init_config.seconds("min_collection_interval", interval_seconds);
  options.interval = instance.seconds("min_collection_interval", interval_seconds)
                         .value_or(inherited_interval.value_or(agent.min_collection_interval));
  options.empty_default_hostname = instance.boolean("empty_default_hostname").value_or(false);
  options.name = instance.text("name").value_or("");
  options.loader = instance.text("loader").value_or(init_config.text("loader").value_or(""));
  if (auto patterns = instance.section("metric_patterns")) {
    options.metric_patterns.include = read_patterns(*patterns, "include");
    options.metric_patterns.exclude = read_patterns(*patterns, "exclude");
    patterns->finish();
  }
  // The first two concern what other checks and the Agent do with tags and indexes, the others
  // checks that are not native.
  static constexpr std::array<std::string_view, 4> without_effect{
      "no_index", "enable_legacy_tags_normalization", "check_isolation", "check_isolation_timeout"};
  instance.ignore(without_effect);
  return instance.diagnostics().error_count() == errors_before ? std::optional(std::move(options))
                                                               : std::nullopt;
}

InstanceSections::InstanceSections(const InstanceSource& source)
    : file_(source.file.file.string()),
      index_(index_of(source)),
      init_config(source.file.init_config, file_, found_, "init_config"),
      instance(source.instance, file_, found_,
               index_ == 0 ? "instance" : "instances -> " + std::to_string(index_)) {}

bool InstanceSections::finish(config::Diagnostics& diagnostics) {
  instance.finish();
  if (index_ <= 1) {
    init_config.finish();  // once for all instances of the file
  }
  const bool well = !found_.has_errors();
  diagnostics.append(found_);
  return well;
}

std::string without_generic_key(std::string_view tag, std::string_view check_name) {
  static constexpr std::array<std::string_view, 11> generic{
      "cluster_name", "clustername", "cluster", "clusterid", "cluster_id", "env",
      "host_name",    "hostname",    "host",    "service",   "version"};
  const auto key = tag.substr(0, tag.find(':'));
  if (std::find(generic.begin(), generic.end(), key) == generic.end()) {
    return std::string(tag);
  }
  return std::string(check_name) + "_" + std::string(tag);
}

}  // namespace heapwatch::check
