#include "config/agent_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent_config_fixture.h"

namespace heapwatch::config {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(AgentConfigTest, HasTheAgentsDefaults) {
  const AgentConfig config = load_file(std::nullopt, {});
  EXPECT_THAT(said_, IsEmpty());
  EXPECT_EQ(config.confd_path, "/etc/heapwatch/conf.d");
  EXPECT_EQ(config.hostname, "");
  EXPECT_THAT(config.tags, IsEmpty());
  EXPECT_EQ(config.log_level, base::LogLevel::info);
  EXPECT_EQ(config.expvar_port, 5000);
  EXPECT_EQ(config.expvar_host, "127.0.0.1");
  EXPECT_EQ(config.check_runners, 4U);
  EXPECT_EQ(config.min_collection_interval, milliseconds(15'000));
  EXPECT_TRUE(config.memtrack_enabled);
  EXPECT_EQ(config.memtrack_sample_interval, 524288U);
  EXPECT_FALSE(config.tracemalloc_debug);
  EXPECT_EQ(config.profiler, PythonProfiler::none);
  EXPECT_FALSE(config.allow_untrusted_code);
  EXPECT_FALSE(config.attach);
  EXPECT_EQ(config.isolation, IsolationConfig{});
  EXPECT_THAT(config.histogram_aggregates, ElementsAre("max", "median", "avg", "count"));
  EXPECT_THAT(config.histogram_percentiles, ElementsAre(95));
  EXPECT_EQ(config.logging_frequency, 500U);
  EXPECT_FALSE(config.integration_check_status_enabled);
  EXPECT_THAT(config.ad_allowed_env_vars, IsEmpty());
  EXPECT_FALSE(config.ad_disable_env_var_resolution);
  EXPECT_EQ(config.proxy.http + config.proxy.https, "");
  EXPECT_THAT(config.proxy.no_proxy, IsEmpty());
  EXPECT_EQ(config.secrets.command, "");
  EXPECT_EQ(config.secrets.timeout, milliseconds(30'000));
  EXPECT_EQ(config.secrets.output_bytes_max, 1024U * 1024U);
  EXPECT_FALSE(config.secrets.remove_trailing_line_break || config.secrets.skip_checks ||
               config.secrets.allow_group_exec);
  EXPECT_FALSE(config.dogstatsd.enabled);
  EXPECT_EQ(config.dogstatsd.url, "udp://127.0.0.1:8125");
  EXPECT_TRUE(config.dogstatsd.origin_detection);
  EXPECT_TRUE(config.dogstatsd.telemetry);
  EXPECT_FALSE(config.dogstatsd.timestamps || config.dogstatsd.histogram_aggregates);
  EXPECT_TRUE(config.prometheus.enabled);
  EXPECT_EQ(config.prometheus.listen, "127.0.0.1:9464");
  EXPECT_TRUE(config.prometheus.suffixes);
}

void expect_every_key_set(const AgentConfig& config) {
  EXPECT_EQ(config.confd_path, "/c");
  EXPECT_EQ(config.hostname, "h-1.x_y");
  EXPECT_THAT(config.tags, ElementsAre("a:1", "b", "c:2", "env:e", "service:s", "version:1.2"));
  EXPECT_EQ(config.log_level, base::LogLevel::off);
  EXPECT_EQ(config.expvar_port, 0);
  EXPECT_EQ(config.expvar_host, "0.0.0.0");
  EXPECT_EQ(config.check_runners, 7U);
  EXPECT_EQ(config.min_collection_interval, milliseconds(500));
  EXPECT_FALSE(config.memtrack_enabled);
  EXPECT_EQ(config.memtrack_sample_interval, 4096U);
  EXPECT_EQ(config.profiler, PythonProfiler::sampled);
  EXPECT_THAT(config.histogram_aggregates, ElementsAre("min", "sum"));
  EXPECT_THAT(config.histogram_percentiles, ElementsAre(29, 99));
  EXPECT_EQ(config.logging_frequency, 9U);
  EXPECT_TRUE(config.integration_check_status_enabled);
  EXPECT_THAT(config.ad_allowed_env_vars, ElementsAre("A", "B"));
  EXPECT_TRUE(config.ad_disable_env_var_resolution);
  EXPECT_EQ(config.proxy.http, "http://p:1");
  EXPECT_EQ(config.proxy.https, "http://p:2");
  EXPECT_THAT(config.proxy.no_proxy, ElementsAre("x", "y"));
  EXPECT_TRUE(config.allow_untrusted_code);
  EXPECT_TRUE(config.attach);
  EXPECT_EQ(config.isolation, (IsolationConfig{true, {"p", "q"}, {"r"}}));
  EXPECT_EQ(config.secrets.command, "/s");
  EXPECT_THAT(config.secrets.arguments, ElementsAre("-a", "b"));
  EXPECT_EQ(config.secrets.timeout, milliseconds(1500));
  EXPECT_EQ(config.secrets.output_bytes_max, 10U);
  EXPECT_TRUE(config.secrets.remove_trailing_line_break && config.secrets.skip_checks &&
              config.secrets.allow_group_exec);
  EXPECT_FALSE(config.prometheus.enabled || config.prometheus.suffixes);
  EXPECT_EQ(config.prometheus.listen, ":9000");
  EXPECT_TRUE(config.dogstatsd.enabled);
  EXPECT_EQ(config.dogstatsd.url, "unix:///d.sock");
  EXPECT_FALSE(config.dogstatsd.origin_detection || config.dogstatsd.telemetry);
  EXPECT_EQ(config.dogstatsd.entity_id, "id");
  EXPECT_EQ(config.dogstatsd.external_data, "ex");
  EXPECT_EQ(config.dogstatsd.cardinality, "none");
  EXPECT_TRUE(config.dogstatsd.timestamps && config.dogstatsd.histogram_aggregates);
  EXPECT_EQ(config.dogstatsd.packet_bytes_max, 1000U);
  EXPECT_EQ(config.limits, (LimitsConfig{100, 200, 2'000'000, 3'000'000}));
}

TEST_F(AgentConfigTest, ReadsEveryKeyOfTheFile) {
  expect_every_key_set(load(R"(confd_path: /c
hostname: h-1.x_y
tags: [a:1, b, a:1]
extra_tags: [c:2, b]
env: e
service: s
version: "1.2"
log_level: off
expvar_port: 0
expvar_host: 0.0.0.0
check_runners: 7
min_collection_interval: 0.5
memtrack_enabled: no
memtrack_sample_interval: 4096
profiler: sampled
histogram_aggregates: [min, sum]
histogram_percentiles: ["0.99", 0.29, 0.99]
logging_frequency: 9
integration_check_status_enabled: yes
ad_allowed_env_vars: [A, B]
ad_disable_env_var_resolution: true
proxy: {http: "http://p:1", https: "http://p:2", no_proxy: [x, y]}
allow_untrusted_code: true
attach: true
check_isolation: process
check_isolation_include: [p, q]
check_isolation_exclude: [r]
secret_backend_command: /s
secret_backend_arguments: [-a, b]
secret_backend_timeout: 1.5
secret_backend_output_max_size: 10
secret_backend_remove_trailing_line_break: true
secret_backend_skip_checks: true
secret_backend_command_allow_group_exec_perm: true
prometheus: {enabled: false, listen: ":9000", suffixes: false}
dogstatsd_enabled: true
dogstatsd_url: unix:///d.sock
dogstatsd_origin_detection_client: false
dogstatsd_entity_id: id
dogstatsd_external_data: ex
dogstatsd_cardinality: none
dogstatsd_telemetry_enabled: false
dogstatsd_timestamps: true
dogstatsd_histogram_aggregates: true
dogstatsd_packet_bytes_max: 1000
limits: {name_bytes_max: 100, tag_bytes_max: 200, instance_bytes_max: 2000000, process_bytes_max: 3000000}
)"));
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(AgentConfigTest, EveryKeyHasAVariableThatWinsOverTheFile) {
  expect_every_key_set(load(
      "tags: [other]\nhostname: other\nprometheus: {listen: 'x:1'}\nproxy: {no_proxy: [other]}\n"
      "dogstatsd_packet_bytes_max: 64\nlog_level: debug\n",
      {{"DD_CONFD_PATH", "/c"},
       {"DD_HOSTNAME", "h-1.x_y"},
       {"DD_TAGS", "a:1, b a:1"},
       {"DD_EXTRA_TAGS", "c:2,b"},
       {"DD_ENV", "e"},
       {"DD_SERVICE", "s"},
       {"DD_VERSION", "1.2"},
       {"DD_LOG_LEVEL", "off"},
       {"DD_EXPVAR_PORT", "0"},
       {"DD_EXPVAR_HOST", "0.0.0.0"},
       {"DD_CHECK_RUNNERS", "7"},
       {"DD_MIN_COLLECTION_INTERVAL", "0.5"},
       {"DD_MEMTRACK_ENABLED", "false"},
       {"DD_MEMTRACK_SAMPLE_INTERVAL", "4096"},
       {"DD_PROFILER", "sampled"},
       {"DD_HISTOGRAM_AGGREGATES", "min sum"},
       {"DD_HISTOGRAM_PERCENTILES", "0.99 0.29"},
       {"DD_LOGGING_FREQUENCY", "9"},
       {"DD_INTEGRATION_CHECK_STATUS_ENABLED", "1"},
       {"DD_AD_ALLOWED_ENV_VARS", "A B"},
       {"DD_AD_DISABLE_ENV_VAR_RESOLUTION", "true"},
       {"DD_PROXY_HTTP", "http://p:1"},
       {"DD_PROXY_HTTPS", "http://p:2"},
       {"DD_PROXY_NO_PROXY", "x,y"},
       {"DD_ALLOW_UNTRUSTED_CODE", "true"},
       {"DD_ATTACH", "true"},
       {"DD_CHECK_ISOLATION", "process"},
       {"DD_CHECK_ISOLATION_INCLUDE", "p q"},
       {"DD_CHECK_ISOLATION_EXCLUDE", "r"},
       {"DD_SECRET_BACKEND_COMMAND", "/s"},
       {"DD_SECRET_BACKEND_ARGUMENTS", "-a b"},
       {"DD_SECRET_BACKEND_TIMEOUT", "1.5"},
       {"DD_SECRET_BACKEND_OUTPUT_MAX_SIZE", "10"},
       {"DD_SECRET_BACKEND_REMOVE_TRAILING_LINE_BREAK", "true"},
       {"DD_SECRET_BACKEND_SKIP_CHECKS", "true"},
       {"DD_SECRET_BACKEND_COMMAND_ALLOW_GROUP_EXEC_PERM", "true"},
       {"DD_PROMETHEUS_ENABLED", "false"},
       {"DD_PROMETHEUS_LISTEN", ":9000"},
       {"DD_PROMETHEUS_SUFFIXES", "false"},
       {"DD_DOGSTATSD_ENABLED", "true"},
       {"DD_DOGSTATSD_URL", "unix:///d.sock"},
       {"DD_ORIGIN_DETECTION_ENABLED", "false"},
       {"DD_ENTITY_ID", "id"},
       {"DD_EXTERNAL_ENV", "ex"},
       {"DD_CARDINALITY", "none"},
       {"DD_DOGSTATSD_TELEMETRY_ENABLED", "false"},
       {"DD_DOGSTATSD_TIMESTAMPS", "true"},
       {"DD_DOGSTATSD_HISTOGRAM_AGGREGATES", "true"},
       {"DD_DOGSTATSD_PACKET_BYTES_MAX", "1000"},
       {"DD_LIMITS_NAME_BYTES_MAX", "100"},
       {"DD_LIMITS_TAG_BYTES_MAX", "200"},
       {"DD_LIMITS_INSTANCE_BYTES_MAX", "2000000"},
       {"DD_LIMITS_PROCESS_BYTES_MAX", "3000000"}}));
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(AgentConfigTest, AKeysOwnVariableWinsAndAnEmptyOneIsNone) {
  const AgentConfig config =
      load("hostname: file\n",
           {{"DD_ENTITY_ID", "second"}, {"DD_DOGSTATSD_ENTITY_ID", "own"}, {"DD_HOSTNAME", ""}});
  EXPECT_EQ(config.dogstatsd.entity_id, "own");
  EXPECT_EQ(config.hostname, "file");
}

TEST_F(AgentConfigTest, ListsItsOptions) {
  std::vector<std::string> twice;
  for (const AgentOption& option : agent_options()) {
    EXPECT_FALSE(option.key.empty());
    if (!option.variable.empty()) {
      twice.push_back(std::string(option.key) + " " + variable_name(option.key) + " " +
                      std::string(option.variable));
    }
  }
  EXPECT_THAT(twice,
              ElementsAre("dogstatsd_host DD_DOGSTATSD_HOST DD_AGENT_HOST",
                          "dogstatsd_origin_detection_client DD_DOGSTATSD_ORIGIN_DETECTION_CLIENT "
                          "DD_ORIGIN_DETECTION_ENABLED",
                          "dogstatsd_entity_id DD_DOGSTATSD_ENTITY_ID DD_ENTITY_ID",
                          "dogstatsd_external_data DD_DOGSTATSD_EXTERNAL_DATA DD_EXTERNAL_ENV",
                          "dogstatsd_cardinality DD_DOGSTATSD_CARDINALITY DD_CARDINALITY"));
  EXPECT_EQ(variable_name("proxy.no_proxy"), "DD_PROXY_NO_PROXY");
}

TEST_F(AgentConfigTest, ARelativeConfdPathIsBesideTheFile) {
  EXPECT_EQ(load("confd_path: checks").confd_path, folder_ / "checks");
  EXPECT_EQ(load("").confd_path, folder_ / "conf.d");
}

TEST_F(AgentConfigTest, AFileThatIsNotThereIsAnErrorAndTheVariablesCount) {
  EXPECT_EQ(load_file(folder_ / "absent.yaml", {{"DD_HOSTNAME", "h"}}).hostname, "h");
  EXPECT_THAT(said_, ElementsAre("error absent.yaml: No such file or directory"));
}

TEST_F(AgentConfigTest, WrongValuesAreErrorsWithTheirPlacesAndChangeNothing) {
  const AgentConfig config = load(
      "hostname: a b\nlog_level: inof\nexpvar_port: 65536\ncheck_runners: 0\n"
      "min_collection_interval: 15s\nmemtrack_enabled: maybe\nhistogram_aggregates: [maximum]\n"
      "histogram_percentiles: [0.95, 0.999]\nprometheus:\n  listen: 9464\n  enable: true\n"
      "proxy: http://p\ndogstatsd_cardinality: lo\ndogstatsd_packet_bytes_max: 63\ntags: [1]\n"
      "hostnam: x\n");
  EXPECT_THAT(
      said_,
      ElementsAre(
          "error heapwatch.yaml:1:11: hostname must be at most 255 letters, digits, \".\", \"-\" "
          "and \"_\", not \"a b\"",
          "error heapwatch.yaml:15:8: tags -> 1 must be a string, not 1 (put it in quotes)",
          "error heapwatch.yaml:2:12: unknown log_level \"inof\"; did you mean \"info\"? one of "
          "trace, debug, info, warn, error, critical, off",
          "error heapwatch.yaml:3:14: expvar_port must be a whole number from 0 to 65535, not "
          "65536",
          "error heapwatch.yaml:4:16: check_runners must be a whole number from 1 to 1024, not 0",
          "error heapwatch.yaml:5:26: min_collection_interval must be a number of seconds from 0.1 "
          "to 604800, not \"15s\"",
          "error heapwatch.yaml:6:19: memtrack_enabled must be true or false, not \"maybe\"",
          "error heapwatch.yaml:7:23: unknown aggregate \"maximum\"; did you mean \"max\"? one of "
          "max, median, avg, count, min, sum",
          "error heapwatch.yaml:8:31: a percentile must be from 0.01 to 0.99 with at most two "
          "decimals, not 0.999",
          "error heapwatch.yaml:12:8: proxy must be a map of keys and values, not \"http://p\"",
          "error heapwatch.yaml:10:11: prometheus -> listen must be a string, not 9464 (put it in "
          "quotes)",
          "error heapwatch.yaml:13:24: unknown dogstatsd_cardinality \"lo\"; did you mean \"low\"? "
          "one of none, low, orchestrator, high",
          "error heapwatch.yaml:14:29: dogstatsd_packet_bytes_max must be 0 or from 64 to 65467, "
          "not 63",
          "warning heapwatch.yaml:11:3: unknown key \"enable\"; did you mean \"enabled\"?",
          "warning heapwatch.yaml:16:1: unknown key \"hostnam\"; did you mean \"hostname\"?"));
  EXPECT_EQ(config.hostname, "");
  EXPECT_EQ(config.expvar_port, 5000);
  EXPECT_THAT(config.histogram_percentiles, ElementsAre(95));
  EXPECT_EQ(config.dogstatsd.packet_bytes_max, 0U);
}

TEST_F(AgentConfigTest, WrongVariablesAreErrorsWithTheirNames) {
  const AgentConfig config = load("expvar_port: 6000\n", {{"DD_EXPVAR_PORT", "x"},
                                                          {"DD_PROMETHEUS_ENABLED", "si"},
                                                          {"DD_DOGSTATSD_DISABLE", "maybe"}});
  EXPECT_THAT(said_,
              ElementsAre("error DD_EXPVAR_PORT: expvar_port must be a whole number from 0 to "
                          "65535, not \"x\"",
                          "error DD_PROMETHEUS_ENABLED: prometheus -> enabled must be true or "
                          "false, not \"si\"",
                          "error DD_DOGSTATSD_DISABLE: DD_DOGSTATSD_DISABLE must be true or false, "
                          "not \"maybe\""));
  EXPECT_EQ(config.expvar_port, 6000);
}

TEST_F(AgentConfigTest, AFileThatEverybodyMayWriteIsAWarning) {
  const auto file = folder_.write("heapwatch.yaml", "check_runners: 7\n", 0646);
  EXPECT_EQ(load_file(file, {}).check_runners, 7U);
  EXPECT_THAT(said_, ElementsAre("warning heapwatch.yaml: may be written by everybody, who so "
                                 "decide what the agent does (chmod o-w)"));
}

TEST_F(AgentConfigTest, TracemallocDebugForcesOneRunner) {
  EXPECT_EQ(load("check_runners: 8\ntracemalloc_debug: true\n").check_runners, 1U);
  EXPECT_EQ(load("check_runners: 8\n", {{"DD_TRACEMALLOC_DEBUG", "true"}}).check_runners, 1U);
  EXPECT_TRUE(load("tracemalloc_debug: true\n").tracemalloc_debug);
}

TEST_F(AgentConfigTest, AProfilerThatIsNoneIsAnError) {
  EXPECT_EQ(load("profiler: tracemalloc\n").profiler, PythonProfiler::none);
  EXPECT_THAT(
      said_,
      ElementsAre(::testing::HasSubstr("unknown profiler \"tracemalloc\"; one of none, sampled")));
}

TEST_F(AgentConfigTest, SecretsAreFilledInAndNeverShown) {
  const std::string program =
      folder_.write("backend", "#!/bin/sh\nprintf '{\"h\":{\"value\":\"hunter 2\"}}'\n", 0700);
  const std::string command = "secret_backend_command: " + program + "\n";
  const AgentConfig right = load(command + "proxy: {http: 'ENC[h]'}", {{"DD_ENV", "ENC[h]"}});
  EXPECT_THAT(said_, IsEmpty());
  EXPECT_EQ(right.proxy.http, "hunter 2");
  EXPECT_THAT(right.tags, ElementsAre("env:hunter 2"));
  for (const char* key :
       {"hostname", "log_level", "expvar_port", "min_collection_interval", "memtrack_enabled",
        "histogram_aggregates", "histogram_percentiles", "prometheus", "dogstatsd_url",
        "dogstatsd_host", "dogstatsd_socket", "dogstatsd_cardinality"}) {
    load(command + key + ": ENC[h]");
    ASSERT_EQ(said_.size(), 1U) << key;
    EXPECT_THAT(said_[0], ::testing::HasSubstr("a secret")) << key;
    EXPECT_THAT(said_[0], ::testing::Not(::testing::HasSubstr("hunter"))) << key;
  }
  for (const char* text : {"histogram_aggregates: ['ENC[h]']", "prometheus: {listen: 'ENC[h]'}"}) {
    load(command + text);
    ASSERT_EQ(said_.size(), 1U) << text;
    EXPECT_THAT(said_[0], ::testing::HasSubstr("a secret")) << text;
  }
}

TEST_F(AgentConfigTest, ASecretThatIsNotToBeHadIsOneErrorAndNoValue) {
  const AgentConfig config = load("expvar_port: ENC[h]\nproxy: {http: 'ENC[h]'}\n");
  const std::string end = "no secret for ENC[h]: secret_backend_command is not set";
  EXPECT_THAT(
      said_, ElementsAre("error heapwatch.yaml:1:14: " + end, "error heapwatch.yaml:2:15: " + end));
  EXPECT_EQ(config.proxy.http, "");
  EXPECT_EQ(config.expvar_port, 5000);
}

}  // namespace
}  // namespace heapwatch::config
