#include "agent/wiring/exporters.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"

namespace heapwatch::agent::wiring {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<exporters::OwnFamily> own_families() {
  return {{.name = "own_total",
           .help = "What is counted.",
           .type = exporters::OwnFamily::Type::counter,
           .metrics = {{.labels = {}, .value = 7}}}};
}

std::vector<exporters::pyroscope::Program> no_programs() {
  return {};
}

config::AgentConfig agent(bool prometheus, bool dogstatsd) {
  config::AgentConfig agent;
  agent.prometheus.enabled = prometheus;
  agent.prometheus.listen = "127.0.0.1:1";
  agent.dogstatsd.enabled = dogstatsd;
  agent.dogstatsd.url = "udp://127.0.0.1:2";
  return agent;
}

std::vector<std::string> names_and_addresses(const Exporters& exporters) {
  std::vector<std::string> texts;
  for (const ExporterState& state : exporters.states()) {
    texts.push_back(state.name + " " + state.title + " " + state.address);
  }
  return texts;
}

TEST(Exporters, AreAllTherePerStateAlsoThoseThatAreOff) {
  Exporters one;
  ASSERT_TRUE(one.start(agent(false, true), own_families, no_programs));
  EXPECT_THAT(names_and_addresses(one),
              ElementsAre("prometheus Prometheus ", "dogstatsd DogStatsD udp://127.0.0.1:2",
                          "remote_write Remote write ", "otlp OTLP ", "pyroscope Pyroscope "));
  EXPECT_THAT(one.states().front().figures.counters, IsEmpty());
  EXPECT_EQ(one.states()[1].figures.queued, 0U);
  EXPECT_THAT(one.served(), IsEmpty());

  base::set_log_level(base::LogLevel::off);
  Exporters none;
  ASSERT_TRUE(none.start(agent(false, false), own_families, no_programs));
  EXPECT_THAT(names_and_addresses(none),
              ElementsAre("prometheus Prometheus ", "dogstatsd DogStatsD ",
                          "remote_write Remote write ", "otlp OTLP ", "pyroscope Pyroscope "));
}

/// A kind of receivers: what is before and after a list of them in the configuration, and its names
/// in the state and in errors.
struct Push {
  const char* before;
  const char* after;
  const char* key;
  const char* title;
  const char* name;
  const char* path = "/write";  // of the address that is shown
};

class PushExporters : public testing::TestWithParam<Push> {};

TEST_P(PushExporters, AreStartedAndShownWithoutWhatIsSecretInTheirAddresses) {
  config::AgentConfig config = agent(false, false);
  config::Diagnostics said;
  const std::string key = GetParam().key;
  const auto configure = [&](const std::string& url) {
    config.settings =
        config::parse_yaml(GetParam().before + ("[{name: a, url: \"" + url) +
                               "\", queue_config: {disk_max_size: 0}}]" + GetParam().after,
                           "", said);
  };
  const bool takes_query = GetParam().path == std::string("/write");
  configure(std::string("http://127.0.0.1:1/write") + (takes_query ? "?token=secret" : ""));
  Exporters exporters;
  ASSERT_TRUE(exporters.start(config, own_families, no_programs));
  EXPECT_THAT(names_and_addresses(exporters),
              testing::Contains(key + ' ' + GetParam().title + " http://127.0.0.1:1" +
                                GetParam().path + (takes_query ? "?..." : "")));
  for (const ExporterState& state : exporters.states()) {
    if (state.name == key) {
      EXPECT_EQ(state.figures.counters.front(),
                (std::pair<std::string, std::uint64_t>("endpoints", 1)));
    }
  }

  configure("http://127.0.0.1:port/");
  Exporters none;
  const auto refused = none.start(config, own_families, no_programs);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr(std::string(GetParam().name) + " a: "));
}

INSTANTIATE_TEST_SUITE_P(All, PushExporters,
                         testing::Values(Push{"remote_write: ", "", "remote_write", "Remote write",
                                              "remote write"},
                                         Push{"otlp: ", "", "otlp", "OTLP", "otlp"},
                                         Push{"profiles: {push: ", "}", "pyroscope", "Pyroscope",
                                              "pyroscope", "/write/push.v1.PusherService/Push"}),
                         [](const auto& one) { return std::string(one.param.key); });

TEST(Exporters, ServeThePagesOfThoseThatAreRead) {
  Exporters exporters;
  ASSERT_TRUE(exporters.start(agent(true, true), own_families, no_programs));
  const auto served = exporters.served();
  ASSERT_EQ(served.size(), 1U);
  EXPECT_EQ(served.front().name, "prometheus");
  EXPECT_EQ(served.front().address, "127.0.0.1:1");
  ASSERT_EQ(served.front().pages.size(), 1U);
  EXPECT_EQ(served.front().pages.front().path, "/metrics");
  EXPECT_THAT(served.front().pages.front().handler({}).body, HasSubstr("\nown_total 7\n"));
}

TEST(Exporters, AllGetWhatIsPublishedAtOnceOrInSlices) {
  Exporters exporters;
  ASSERT_TRUE(exporters.start(agent(true, true), own_families, no_programs));
  auto instance = std::make_shared<metrics::Instance>();
  instance->id = "one:1";
  instance->check_name = "one";
  metrics::Snapshot snapshot;
  snapshot.instance = instance;
  const auto page = [&] { return exporters.served().front().pages.front().handler({}).body; };
  exporters.publish(snapshot);
  EXPECT_THAT(page(), HasSubstr("check_id=\"one:1\""));
  exporters.forget(*instance);
  EXPECT_THAT(page(), testing::Not(HasSubstr("check_id=\"one:1\"")));
  auto slice = exporters.publish_slices(snapshot);
  while (slice()) {
  }
  EXPECT_THAT(page(), HasSubstr("check_id=\"one:1\""));
  while (exporters.tidy(std::chrono::milliseconds(5))) {
  }
  exporters.drain(std::chrono::milliseconds(500));
  const auto states = exporters.states();
  const auto dogstatsd = std::find_if(states.begin(), states.end(),
                                      [](const auto& state) { return state.name == "dogstatsd"; });
  ASSERT_NE(dogstatsd, states.end());
  EXPECT_EQ(dogstatsd->figures.queued, 0U);
}

TEST(Exporters, AreRefusedForAnAddressThatIsNone) {
  config::AgentConfig wrong = agent(true, true);
  wrong.dogstatsd.url = "ftp://a";
  Exporters exporters;
  const auto started = exporters.start(wrong, own_families, no_programs);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("ftp://a"));
}

}  // namespace
}  // namespace heapwatch::agent::wiring
