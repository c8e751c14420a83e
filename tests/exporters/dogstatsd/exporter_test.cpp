#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "exporters/dogstatsd/dogstatsd_exporter.h"
#include "unix_server.h"

namespace heapwatch::exporters::dogstatsd {
namespace {

using metrics::MetricType;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ExporterTest : public ::testing::Test {
 protected:
  DogStatsdOptions options() {
    DogStatsdOptions made;
    made.address = parse_address("unixgram://" + folder_.socket()).value();
    made.origin_detection = false;
    made.client_version = "1.2.3";
    made.tags = {"env:test"};
    made.clock = [this] { return now_; };
    made.log = [](base::LogLevel, std::string_view) {};
    return made;
  }

  static metrics::Series series(MetricType type, double value) {
    metrics::Series made;
    made.context = metrics::make_context({"n", {}, {}, ""});
    made.type = type;
    made.value = base::Number::of(value);
    return made;
  }

  /// One of everything, and two values that cannot be sent.
  static metrics::Snapshot snapshot() {
    metrics::Snapshot made;
    made.series = {series(MetricType::gauge, 1), series(MetricType::monotonic_counter, 2),
                   series(MetricType::gauge, std::nan("")), series(MetricType::histogram, 0)};
    made.series.back().value.reset();
    made.series.back().distribution =
        metrics::Distribution{{base::Number::of(3), base::Number::of(4)}, 2, 7};
    made.service_checks.emplace_back().name = "up";
    made.events.emplace_back().title = "t";
    made.events.emplace_back();
    return made;
  }

  std::vector<std::string> publish(DogStatsdExporter& exporter, const metrics::Snapshot& what) {
    EXPECT_TRUE(exporter.publish(what));
    EXPECT_TRUE(exporter.drain(std::chrono::seconds{10}));
    return server_.receive_all();
  }

  Folder folder_;
  UnixServer server_{folder_.socket(), SOCK_DGRAM};
  base::Instant now_{};
};

constexpr std::string_view one_of_everything =
    "n:1|g|#env:test\nn:2|c|#env:test\nn:3:4|h|#env:test\n_sc|up|3|#env:test\n"
    "_e{1,0}:t||#env:test\n";

TEST_F(ExporterTest, PublishesASnapshotInOnePacketAtOnce) {
  DogStatsdExporter exporter(options());
  EXPECT_THAT(publish(exporter, snapshot()), ElementsAre(one_of_everything));
}

TEST_F(ExporterTest, CountsWhatItDid) {
  DogStatsdExporter exporter(options());
  publish(exporter, snapshot());
  Counters expected;
  expected.metrics = 4;
  expected.metrics_by_type = {1, 1, 2};
  expected.events = 1;
  expected.service_checks = 1;
  expected.unsendable = 2;
  expected.packets_sent = 1;
  expected.bytes_sent = one_of_everything.size();
  expected.aggregated_context = 3;
  expected.aggregated_context_by_type = {1, 1, 1};
  EXPECT_EQ(exporter.counters(), expected);
}

TEST_F(ExporterTest, TellsItsTelemetryEveryTenSeconds) {
  DogStatsdExporter exporter(options());
  publish(exporter, snapshot());
  now_.steady += std::chrono::milliseconds{9'999};
  EXPECT_THAT(publish(exporter, {}), IsEmpty());
  now_.steady += std::chrono::milliseconds{1};
  const std::string tags = "|c|#client:heapwatch,client_version:1.2.3,client_transport:uds";
  const std::string end = tags + ",env:test\n";
  const auto by_type = [&](const std::string& name, int gauges, int counts, int histograms) {
    const auto one = [&](const std::string& type, int value) {
      return "datadog.dogstatsd.client." + name + ":" + std::to_string(value) + tags +
             ",metrics_type:" + type + ",env:test\n";
    };
    return one("gauge", gauges) + one("count", counts) + one("histogram", histograms);
  };
  const auto told = [&](const std::vector<std::pair<std::string, std::size_t>>& values) {
    std::string lines;
    for (const auto& [name, value] : values) {
      lines += "datadog.dogstatsd.client." + name + ":" + std::to_string(value) + end;
    }
    return lines;
  };
  const std::string first = told({{"metrics", 4},
                                  {"events", 1},
                                  {"service_checks", 1},
                                  {"metric_dropped_on_receive", 2},
                                  {"packets_sent", 1},
                                  {"packets_dropped", 0},
                                  {"packets_dropped_queue", 0},
                                  {"packets_dropped_writer", 0},
                                  {"bytes_sent", one_of_everything.size()},
                                  {"bytes_dropped", 0},
                                  {"bytes_dropped_queue", 0},
                                  {"bytes_dropped_writer", 0},
                                  {"aggregated_context", 3}}) +
                            by_type("metrics_by_type", 1, 1, 2) +
                            by_type("aggregated_context_by_type", 1, 1, 1);
  EXPECT_THAT(publish(exporter, {}), ElementsAre(first));

  now_.steady += std::chrono::seconds{10};
  const std::string second = told({{"metrics", 0},
                                   {"events", 0},
                                   {"service_checks", 0},
                                   {"metric_dropped_on_receive", 0},
                                   {"packets_sent", 1},
                                   {"packets_dropped", 0},
                                   {"packets_dropped_queue", 0},
                                   {"packets_dropped_writer", 0},
                                   {"bytes_sent", first.size()},
                                   {"bytes_dropped", 0},
                                   {"bytes_dropped_queue", 0},
                                   {"bytes_dropped_writer", 0},
                                   {"aggregated_context", 0}}) +
                             by_type("metrics_by_type", 0, 0, 0) +
                             by_type("aggregated_context_by_type", 0, 0, 0);
  EXPECT_THAT(publish(exporter, {}), ElementsAre(second));
}

TEST_F(ExporterTest, HoldsItsTelemetryUntilTheServerIsThere) {
  auto away = options();
  away.address.path += ".away";
  DogStatsdExporter exporter(away);
  EXPECT_TRUE(exporter.publish(snapshot()));
  EXPECT_TRUE(exporter.drain(std::chrono::seconds{10}));
  EXPECT_FALSE(exporter.counters().reachable);
  UnixServer late(away.address.path, SOCK_DGRAM);
  now_.steady += std::chrono::seconds{10};
  publish(exporter, snapshot());
  EXPECT_THAT(late.receive_all(), ElementsAre(one_of_everything));
  publish(exporter, {});
  const auto packets = late.receive_all();
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_THAT(packets[0], ::testing::HasSubstr("client.packets_dropped_writer:1|c"));
  EXPECT_THAT(packets[0], ::testing::HasSubstr("client.packets_sent:1|c"));
}

TEST_F(ExporterTest, KeepsQuietAboutItselfWhenAskedTo) {
  auto quiet = options();
  quiet.telemetry = false;
  DogStatsdExporter exporter(quiet);
  now_.steady += std::chrono::hours{1};
  EXPECT_THAT(publish(exporter, {}), IsEmpty());
}

TEST_F(ExporterTest, PacketsOfAUnixSocketHoldEightKibibytes) {
  DogStatsdExporter exporter(options());
  metrics::Snapshot many;
  many.series.assign(1000, series(MetricType::gauge, 1));
  const auto packets = publish(exporter, many);
  ASSERT_EQ(packets.size(), 2U);
  EXPECT_EQ(packets[0].size(), 8192U);  // 512 lines of 16 bytes
  EXPECT_EQ(packets[1].size(), 488U * 16);
}

TEST_F(ExporterTest, DropsAndCountsWhatTheQueueHasNoRoomFor) {
  auto narrow = options();
  narrow.queue_bytes_max = 8192;
  DogStatsdExporter exporter(narrow);
  metrics::Snapshot many;
  many.series.assign(1'000'000, series(MetricType::gauge, 1));
  EXPECT_TRUE(exporter.publish(many));
  EXPECT_TRUE(exporter.drain(std::chrono::seconds{10}));
  const Counters counters = exporter.counters();
  EXPECT_GT(counters.packets_dropped_queue, 0U);
  EXPECT_EQ(counters.packets_sent + counters.packets_dropped(), (1'000'000 + 511) / 512);
  EXPECT_EQ(counters.bytes_sent + counters.bytes_dropped(), 16'000'000U);
}

TEST_F(ExporterTest, LinesOfAUdpAddressFitAnEthernetFrame) {
  auto udp = options();
  udp.address = parse_address("udp://127.0.0.1:9").value();
  DogStatsdExporter exporter(udp);
  metrics::Snapshot one;
  one.series = {series(MetricType::gauge, 1)};
  one.series[0].context = metrics::make_context({std::string(1428, 'n'), {}, {}, ""});
  EXPECT_TRUE(exporter.publish(one));
  EXPECT_EQ(exporter.counters().oversize, 1U);
}

}  // namespace
}  // namespace heapwatch::exporters::dogstatsd
