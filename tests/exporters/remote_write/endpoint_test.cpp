// The exporter with its threads, against a receiver on the loopback.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <chrono>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "decoded.h"
#include "exporters/remote_write/exporter.h"
#include "receiver_server.h"
#include "tests/testing/temporary_folder.h"

namespace heapwatch::exporters::remote_write {
namespace {

using base::Number;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

constexpr milliseconds patience{30'000};

metrics::Snapshot snapshot(const std::string& id, int after, int series) {
  metrics::Instance instance;
  instance.check_name = "go_expvar";
  instance.id = id;
  metrics::Snapshot made;
  made.instance = std::make_shared<const metrics::Instance>(std::move(instance));
  made.time.wall =
      std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000 + after));
  for (int i = 0; i < series; ++i) {
    metrics::Series one;
    one.context = metrics::make_context(
        {.name = "m" + std::to_string(i), .tags = {"target:" + id}, .host = {}, .help = "help"});
    one.total = Number::of(after * 1000 + i);
    made.series.push_back(std::move(one));
  }
  return made;
}

EndpointOptions endpoint(const std::string& name, const std::string& url) {
  EndpointOptions options;
  options.receiver.name = name;
  options.receiver.request.url = url;
  options.receiver.deadline = milliseconds(20);
  options.metadata = false;
  return options;
}

std::unique_ptr<RemoteWriteExporter> started(std::vector<EndpointOptions> endpoints) {
  RemoteWriteOptions options;
  options.endpoints = std::move(endpoints);
  auto exporter = RemoteWriteExporter::start(std::move(options));
  EXPECT_TRUE(exporter.has_value()) << exporter.error().message;
  return std::move(*exporter);
}

void publish(RemoteWriteExporter& exporter, const metrics::Snapshot& snapshot) {
  ASSERT_TRUE(exporter.publish(snapshot).has_value());
}

void publish_in_slices(RemoteWriteExporter& exporter, const metrics::Snapshot& snapshot) {
  const auto publication = exporter.begin(snapshot);
  ASSERT_NE(publication, nullptr);
  while (publication->advance()) {
  }
}

std::vector<DecodedSample> received(const ReceiverServer& server) {
  std::vector<DecodedSample> all;
  for (const auto& request : server.requests()) {
    for (DecodedSample& sample : decoded(request.body, Version::v1)) {
      all.push_back(std::move(sample));
    }
  }
  return all;
}

/// Those of the checks themselves.
std::vector<std::string> values_received(const ReceiverServer& server) {
  std::vector<std::string> values;
  for (const DecodedSample& sample : received(server)) {
    if (sample.series.find("heapwatch_target_") == std::string::npos) {
      values.push_back(sample.series + " " +
                       (sample.bits == stale_bits
                            ? "stale"
                            : base::to_text(Number::of(std::bit_cast<double>(sample.bits)))) +
                       "@" + std::to_string(sample.time_ms));
    }
  }
  std::sort(values.begin(), values.end());
  return values;
}

std::uint64_t counter(const RemoteWriteExporter& exporter, const std::string& name) {
  for (const auto& [known, value] : exporter.figures().counters) {
    if (known == name) {
      return value;
    }
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

TEST(RemoteWriteExporter, SendsWhatIsPublishedAtOnceOrInSlices) {
  const ReceiverServer server;
  const auto exporter = started({endpoint("a", server.url())});
  publish(*exporter, snapshot("x", 1, 2));
  publish_in_slices(*exporter, snapshot("y", 2, 1));
  ASSERT_TRUE(exporter->drain(patience));
  EXPECT_THAT(values_received(server),
              ElementsAre(R"({__name__="m0",target="x"} 1000@1700000001000)",
                          R"({__name__="m0",target="y"} 2000@1700000002000)",
                          R"({__name__="m1",target="x"} 1001@1700000001000)"));
  EXPECT_THAT(server.requests()[0].head, HasSubstr("POST /api/v1/write HTTP/1.1\r\n"));
  EXPECT_THAT(server.requests()[0].head, HasSubstr("Content-Encoding: snappy\r\n"));
  EXPECT_THAT(server.requests()[0].head, Not(HasSubstr("Expect:")));
}

TEST(RemoteWriteExporter, TheInstanceItselfIsToldOfAlsoWhenItsRunFails) {
  const ReceiverServer server;
  const auto exporter = started({endpoint("a", server.url())});
  publish(*exporter, snapshot("x", 1, 1));
  metrics::Snapshot failed = snapshot("x", 2, 1);
  failed.error = base::Error{base::ErrorKind::timeout, "late"};
  publish(*exporter, failed);
  ASSERT_TRUE(exporter->drain(patience));
  EXPECT_THAT(values_received(server),
              ElementsAre(R"({__name__="m0",target="x"} 1000@1700000001000)",
                          R"({__name__="m0",target="x"} stale@1700000002000)"));
  const std::string up = R"({__name__="heapwatch_target_up",check="go_expvar",check_id="x"})";
  EXPECT_THAT(
      received(server),
      IsSupersetOf({DecodedSample{up, std::bit_cast<std::uint64_t>(1.0), 1'700'000'001'000},
                    DecodedSample{up, std::bit_cast<std::uint64_t>(0.0), 1'700'000'002'000}}));
}

TEST(RemoteWriteExporter, ALargeRunIsCutIntoMessagesAndAllOfItArrives) {
  const ReceiverServer server;
  EndpointOptions options = endpoint("a", server.url());
  options.receiver.samples_max = 100;
  const auto exporter = started({options});
  for (int run = 1; run <= 3; ++run) {
    publish_in_slices(*exporter, snapshot("x", run, 1000));
  }
  ASSERT_TRUE(exporter->drain(patience));
  EXPECT_EQ(values_received(server).size(), 3000U);
  EXPECT_GE(server.requests().size(), 30U);
  EXPECT_LE(server.connections(), 4U);
  EXPECT_GE(counter(*exporter, "samples_sent"), 3000U);
  EXPECT_EQ(counter(*exporter, "samples_dropped"), 0U);
}

TEST(RemoteWriteExporter, AnEndpointThatFailsHoldsUpNoOther) {
  const ReceiverServer good;
  ReceiverServer bad;
  bad.answer(503);
  const auto exporter = started({endpoint("bad", bad.url()), endpoint("good", good.url()),
                                 endpoint("none", "http://127.0.0.1:1/")});
  publish(*exporter, snapshot("x", 1, 1));
  EXPECT_FALSE(exporter->drain(milliseconds(300)));
  EXPECT_EQ(values_received(good).size(), 1U);
  EXPECT_EQ(counter(*exporter, "endpoints_reachable"), 1U);
  bad.answer(200);
  const auto end = std::chrono::steady_clock::now() + patience;
  while (counter(*exporter, "endpoints_reachable") < 2 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_EQ(counter(*exporter, "endpoints_reachable"), 2U);
}

TEST(RemoteWriteExporter, AnInstanceThatIsConfiguredNoMoreEndsItsSeries) {
  const ReceiverServer server;
  const auto exporter = started({endpoint("a", server.url())});
  const metrics::Snapshot run = snapshot("x", 1, 1);
  publish(*exporter, run);
  exporter->forget(*run.instance);
  ASSERT_TRUE(exporter->drain(patience));
  const auto values = values_received(server);
  ASSERT_EQ(values.size(), 2U);
  EXPECT_THAT(values[1], HasSubstr("stale"));
}

TEST(RemoteWriteExporter, WhatIsNotSentAtTheEndIsSentByTheNextStart) {
  const heapwatch::tests::TemporaryFolder folder;
  ReceiverServer server;
  EndpointOptions options = endpoint("a", server.url());
  options.receiver.disk_folder = folder.path() / "queue";
  options.receiver.deadline = milliseconds(60'000);
  {
    server.answer(500);
    const auto exporter = started({options});
    publish(*exporter, snapshot("x", 1, 2));
  }
  server.answer(200);
  const auto exporter = started({options});
  ASSERT_TRUE(exporter->drain(patience));
  std::set<std::string> taken;
  for (const auto& request : server.requests()) {
    for (const DecodedSample& sample : decoded(request.body, Version::v1)) {
      if (request.status == 200) {
        taken.insert(sample.series);
      }
    }
  }
  EXPECT_THAT(taken,
              IsSupersetOf({R"({__name__="m0",target="x"})", R"({__name__="m1",target="x"})"}));
  EXPECT_EQ(counter(*exporter, "queue_samples"), 0U);
}

TEST(RemoteWriteExporter, AQueueThatIsAskedForAndCannotBeIsAnErrorAndElseIsLeftOut) {
  const heapwatch::tests::TemporaryFolder folder;
  std::ofstream(folder.path() / "file") << "x";
  EndpointOptions options = endpoint("a", "http://127.0.0.1:1/");
  options.receiver.disk_folder = folder.path() / "file" / "queue";
  RemoteWriteOptions all;
  all.endpoints = {options};
  const auto refused = RemoteWriteExporter::start(all);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("remote write a: "));
  all.endpoints[0].receiver.disk_is_wanted = false;
  EXPECT_TRUE(RemoteWriteExporter::start(all).has_value());
}

TEST(RemoteWriteExporter, CredentialsAreReadFromFilesForEachRequest) {
  const heapwatch::tests::TemporaryFolder folder;
  const ReceiverServer server;
  EndpointOptions options = endpoint("a", server.url());
  options.receiver.request.auth = net::HttpAuth::basic;
  options.receiver.request.username = "me";
  options.receiver.password_file = folder.path() / "password";
  std::ofstream(options.receiver.password_file) << "one\n";
  const auto exporter = started({options});
  publish(*exporter, snapshot("x", 1, 1));
  ASSERT_TRUE(exporter->drain(patience));
  std::ofstream(options.receiver.password_file) << "two\n";
  publish(*exporter, snapshot("x", 2, 1));
  ASSERT_TRUE(exporter->drain(patience));
  ASSERT_EQ(server.requests().size(), 2U);
  EXPECT_THAT(server.requests()[0].head, HasSubstr("Authorization: Basic bWU6b25l\r\n"));
  EXPECT_THAT(server.requests()[1].head, HasSubstr("Authorization: Basic bWU6dHdv\r\n"));
}

TEST(RemoteWriteExporter, ExternalLabelsAreOnWhatDoesNotHaveThem) {
  const ReceiverServer server;
  EndpointOptions options = endpoint("a", server.url());
  options.external_labels = {{"target", "no"}, {"__replica__", "r1"}, {"cluster", "c"}};
  const auto exporter = started({options});
  publish(*exporter, snapshot("x", 1, 1));
  ASSERT_TRUE(exporter->drain(patience));
  EXPECT_THAT(
      values_received(server),
      ElementsAre(R"({__name__="m0",__replica__="r1",cluster="c",target="x"} 1000@1700000001000)"));
}

TEST(RemoteWriteExporter, MetadataIsSentInMessagesOfItsOwn) {
  const ReceiverServer server;
  EndpointOptions options = endpoint("a", server.url());
  options.metadata = true;
  options.metadata_interval = milliseconds(50);
  const auto exporter = started({options});
  publish(*exporter, snapshot("x", 1, 1));
  bool is_there = false;
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!is_there && std::chrono::steady_clock::now() < end) {
    for (const auto& request : server.requests()) {
      const std::string plain = decompressed(request.body).value();
      is_there =
          is_there || plain.find("\x1a\x0c\x08\x02\x12\x02m0\x22\x04help") != std::string::npos;
    }
    std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_TRUE(is_there);
}

}  // namespace
}  // namespace heapwatch::exporters::remote_write
