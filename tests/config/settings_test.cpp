#include "config/settings.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "tests/testing/temporary_folder.h"

namespace heapwatch::config {
namespace {

const Value* find(const Value& map, std::string_view key) {
  const auto dot = key.find('.');
  const Value* const value = map.find(key.substr(0, dot));
  return value == nullptr || dot == std::string_view::npos ? value
                                                           : find(*value, key.substr(dot + 1));
}

std::optional<std::string> nothing(std::string_view /*name*/) {
  return std::nullopt;
}

TEST(Settings, HoldTheFileAndOverItWhatCounts) {
  heapwatch::tests::TemporaryFolder folder;
  const auto file =
      folder.write("heapwatch.yaml",
                   "tags: [a]\nenv: e\nmine: {x: 1}\nproxy: {http: 'http://p:1', own: 2}\n"
                   "check_runners: 2\ntracemalloc_debug: true\nmin_collection_interval: 0.5\n");
  const auto loaded = load_agent_config(file, [](std::string_view name) {
    return name == "DD_EXPVAR_PORT" ? std::optional<std::string>("7") : std::nullopt;
  });
  const Value& settings = loaded.config.settings;
  EXPECT_EQ(to_yaml(*find(settings, "tags")), "- \"a\"\n- \"env:e\"\n");
  EXPECT_EQ(find(settings, "mine.x")->text, "1");
  EXPECT_EQ(find(settings, "proxy.http")->text, "http://p:1");
  EXPECT_EQ(find(settings, "proxy.own")->text, "2");
  EXPECT_EQ(find(settings, "expvar_port")->text, "7");
  EXPECT_EQ(find(settings, "check_runners")->text, "1");  // as tracemalloc_debug has it
  EXPECT_EQ(find(settings, "min_collection_interval")->text, "0.5");
  EXPECT_EQ(find(settings, "tracemalloc_debug")->text, "true");
  EXPECT_EQ(find(settings, "hostname"), nullptr);
}

TEST(Settings, EveryOptionWithADefaultIsThere) {
  const auto loaded = load_agent_config(std::nullopt, nothing);
  const std::set<std::string_view> empty_by_default{
      "hostname",
      "tags",
      "extra_tags",
      "env",
      "service",
      "version",
      "tracemalloc_include",
      "tracemalloc_exclude",
      "tracemalloc_whitelist",
      "tracemalloc_blacklist",
      "additional_checksd",
      "history.path",
      "web.config_file",
      "check_isolation_include",
      "check_isolation_exclude",
      "cluster_name",
      "ad_allowed_env_vars",
      "proxy.http",
      "proxy.https",
      "proxy.no_proxy",
      "prometheus.probe_targets",
      "remote_write",
      "otlp",
      "profiles.push",
      "profiles.interval",
      "dogstatsd_host",
      "dogstatsd_port",
      "dogstatsd_socket",
      "dogstatsd_entity_id",
      "dogstatsd_external_data",
      "dogstatsd_cardinality",
  };
  for (const AgentOption& option : agent_options()) {
    const bool is_secrets_matter = option.key.starts_with("secret_");  // no business of checks
    EXPECT_EQ(find(loaded.config.settings, option.key) == nullptr,
              is_secrets_matter || empty_by_default.contains(option.key))
        << option.key;
  }
}

TEST(AgentOptions, AReloadAppliesWhatInstancesAreMadeWithAndHowSecretsAreAskedFor) {
  std::set<std::string_view> live;
  for (const AgentOption& option : agent_options()) {
    if (option.live && !option.key.starts_with("secret_backend_")) {
      live.insert(option.key);
    }
    EXPECT_TRUE(option.live || !option.key.starts_with("secret_backend_")) << option.key;
  }
  EXPECT_EQ(live, (std::set<std::string_view>{
                      "confd_path", "log_level", "check_isolation", "check_isolation_include",
                      "check_isolation_exclude", "min_collection_interval", "proxy.http",
                      "proxy.https", "proxy.no_proxy", "shared_library_check.enabled",
                      "shared_library_check.library_folder_path", "ad_allowed_env_vars",
                      "ad_disable_env_var_resolution", "prometheus.memstats_names",
                      "prometheus.probe_targets"}));
}

}  // namespace
}  // namespace heapwatch::config
