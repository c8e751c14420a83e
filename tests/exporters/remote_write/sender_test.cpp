// The rules of sending, with receivers of every temper and hours that pass at once.
#include "exporters/push/sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "exporters/remote_write/protocol.h"
#include "tests/testing/temporary_folder.h"
#include "world.h"

namespace heapwatch::exporters::remote_write {
namespace {

using namespace push;  // NOLINT(google-build-using-namespace)

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

/// A sender in a world with a store.
class RemoteWriteSender : public ::testing::Test {
 protected:
  RemoteWriteSender() {
    options_.protocol = &protocol;
    options_.name = "test";
    options_.request = [](const std::string& token) {
      net::HttpRequest request;
      request.url = "http://receiver/api/v1/write";
      if (!token.empty()) {
        request.headers.emplace_back("Authorization", "Bearer " + token);
      }
      return base::Result<net::HttpRequest>(request);
    };
    options_.log = [this](base::LogLevel, std::string_view line) { log_.emplace_back(line); };
    world_.receive = [this](const net::HttpRequest& request) { return store_.receive(request); };
  }

  void start() {
    Queue::Options queue;
    if (on_disk_) {
      queue.disk = std::move(*DiskQueue::open({.folder = folder_.path(),
                                               .bytes_max = std::uint64_t{1} << 32U,
                                               .segment_bytes = 64 * 1024}));
    }
    queue.memory_bytes_max = memory_bytes_max_;
    sender_.emplace(options_, Queue(std::move(queue)), world_, figures_);
    sender_->pump();
  }

  /// As after a kill: what was on its way is on its way, and nobody hears of it.
  void restart() {
    sender_.reset();
    world_.forget();
    start();
  }

  /// So many samples of each series, one after the other, now.
  Batch batch(std::uint16_t lane, std::uint16_t lanes, int series, Version version = Version::v1) {
    Encoder encoder(version);
    Batch made;
    made.version = version;
    made.lane = lane;
    made.lanes = lanes;
    for (int i = 0; i < series; ++i) {
      const LabelBytes labels({{"lane", std::to_string(lane)},
                               {"lanes", std::to_string(lanes)},
                               {"i", std::to_string(i)}});
      const SeriesName name("m");
      const std::int64_t time = world_.now_ms();
      encoder.add(Line{.before_name = labels.before_name(),
                       .name = name.label(),
                       .after_name = labels.after_name(),
                       .value_bits = std::bit_cast<std::uint64_t>(static_cast<double>(++pushed_)),
                       .time_ms = time});
      made.count_sample(time);
    }
    made.message = compressed(encoder.take());
    return made;
  }
  void push(std::uint16_t lane = 0, std::uint16_t lanes = 1, int series = 3) {
    sender_->push(batch(lane, lanes, series));
  }

  SenderOptions options_;
  bool on_disk_ = true;
  std::size_t memory_bytes_max_ = std::size_t{16} << 20U;
  heapwatch::tests::TemporaryFolder folder_;
  World world_;
  Store store_;
  SharedFigures figures_;
  std::vector<std::string> log_;
  std::optional<Sender> sender_;
  std::size_t pushed_ = 0;
  std::int64_t end_of_outage_ = 0;
  net::HttpRequest last_;
};

TEST_F(RemoteWriteSender, ARequestHasTheHeadersThatTheSpecificationDemands) {
  start();
  push();
  world_.pass(seconds(1));
  ASSERT_EQ(store_.requests.size(), 1U);
  const net::HttpRequest& request = store_.requests[0];
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.headers, (net::Headers{{"Content-Type", "application/x-protobuf"},
                                           {"Content-Encoding", "snappy"},
                                           {"X-Prometheus-Remote-Write-Version", "0.1.0"}}));
  EXPECT_EQ(store_.samples(), 3U);
  EXPECT_TRUE(sender_->is_idle());
  EXPECT_EQ(figures_.read().samples_sent, 3U);
  EXPECT_EQ(figures_.read().queue_samples, 0U);
}

TEST_F(RemoteWriteSender, AnHourWithoutTheReceiverLosesNothingAndDrainsOldestFirst) {
  store_.status = [this](std::size_t) { return world_.now_ms() < end_of_outage_ ? 0 : 204; };
  end_of_outage_ = world_.now_ms() + 3'600'000;
  start();
  for (int i = 0; i < 3600; ++i) {
    push(static_cast<std::uint16_t>(i % 4), 4);
    world_.pass(seconds(1));
  }
  EXPECT_LT(store_.requests.size(), 3600U / 4);  // it waits between two tries
  EXPECT_FALSE(figures_.read().reachable);
  EXPECT_EQ(store_.samples(), 0U);
  EXPECT_EQ(figures_.read().queue_samples, pushed_);
  EXPECT_LT(figures_.read().queue_memory_bytes, 1U << 20U);
  // It is back: what is old comes first, and what is new while that goes on waits its turn.
  for (int i = 0; i < 20; ++i) {
    push(static_cast<std::uint16_t>(i % 4), 4);
    world_.pass(seconds(1));
  }
  EXPECT_EQ(store_.samples(), pushed_);
  EXPECT_EQ(store_.out_of_order, 0U);
  EXPECT_EQ(store_.repeated, 0U);
  EXPECT_TRUE(figures_.read().reachable);
  EXPECT_TRUE(sender_->is_idle());
  ASSERT_EQ(log_.size(), 2U);
  EXPECT_EQ(log_[0], "remote write test: does not take samples, which wait: nobody is there");
  EXPECT_THAT(log_[1], HasSubstr("remote write test: takes samples again; "));
}

TEST_F(RemoteWriteSender, ADayWithoutTheReceiverAndAKillEachHourLoseNothing) {
  store_.status = [this](std::size_t) { return world_.now_ms() < end_of_outage_ ? 503 : 204; };
  end_of_outage_ = world_.now_ms() + std::int64_t{24} * 3'600'000;
  options_.max_backoff = minutes(5);
  start();
  for (int i = 0; i < 24 * 60; ++i) {
    push(static_cast<std::uint16_t>(i % 3), 3, 5);
    world_.pass(minutes(1));
    if (i % 60 == 59) {
      restart();
    }
  }
  world_.pass(minutes(10));
  EXPECT_EQ(store_.samples(), pushed_);
  EXPECT_EQ(store_.out_of_order, 0U);
  EXPECT_TRUE(sender_->is_idle());
  EXPECT_EQ(figures_.read().queue_disk_bytes, 0U) << "a file that is not written to is left";
}

TEST_F(RemoteWriteSender, WaitsDoubleUpToTheirBoundAndBeginAnewAfterSuccess) {
  std::vector<std::int64_t> times;
  store_.latency = milliseconds(0);
  store_.status = [&](std::size_t) {
    times.push_back(world_.now_ms());
    return times.size() == 10 ? 204 : 500;
  };
  start();
  push();
  world_.pass(minutes(1));
  ASSERT_GE(times.size(), 10U);
  std::vector<std::int64_t> waits;
  for (std::size_t i = 1; i < 10; ++i) {
    waits.push_back(times[i] - times[i - 1]);
  }
  EXPECT_EQ(waits, (std::vector<std::int64_t>{30, 60, 120, 240, 480, 960, 1920, 3840, 5000}));
  push();
  world_.pass(milliseconds(29));
  EXPECT_EQ(times.size(), 11U);
  world_.pass(milliseconds(1));
  EXPECT_EQ(times.size(), 12U);
  EXPECT_EQ(figures_.read().requests_retried, 11U);
}

TEST_F(RemoteWriteSender, AReceiverThatSaysWhenIsAskedThen) {
  store_.headers = {{"retry-after", "90"}};
  store_.status = [](std::size_t i) { return i == 0 ? 429 : 204; };
  start();
  push(0, 2);
  world_.pass(seconds(30));
  push(1, 2);  // nor does another lane try
  world_.pass(milliseconds(59'990));
  EXPECT_EQ(store_.requests.size(), 1U);
  world_.pass(milliseconds(20));
  EXPECT_EQ(store_.samples(), 6U);
}

TEST_F(RemoteWriteSender, WhatIsRefusedIsDroppedCountedAndNeverSentAgain) {
  store_.status = [](std::size_t i) { return i == 1 ? 400 : 204; };
  start();
  for (int i = 0; i < 4; ++i) {
    push();
    world_.pass(seconds(1));
  }
  EXPECT_EQ(store_.requests.size(), 4U);
  EXPECT_EQ(store_.samples(), 9U);
  EXPECT_EQ(figures_.read().dropped_refused, 3U);
  EXPECT_EQ(figures_.read().requests_refused, 1U);
  EXPECT_EQ(log_, std::vector<std::string>{
                      "remote write test: 3 samples dropped: it answers 400 Bad Request"});
}

TEST_F(RemoteWriteSender, ARefusalIsToldOnceAMinute) {
  store_.status = [](std::size_t) { return 400; };
  start();
  for (int i = 0; i < 100; ++i) {
    push();
    world_.pass(seconds(1));
  }
  ASSERT_EQ(log_.size(), 2U);
  EXPECT_EQ(log_[1], "remote write test: 180 samples dropped: it answers 400 Bad Request");
}

TEST_F(RemoteWriteSender, SamplesThatAreTooOldAreNotSent) {
  options_.sample_age_limit = minutes(10);
  store_.status = [](std::size_t) { return 204; };
  store_.latency = milliseconds(1);
  start();
  const Batch old = batch(0, 1, 3);
  world_.pass(minutes(11));
  sender_->push(old);
  push();
  world_.pass(seconds(1));
  EXPECT_EQ(store_.samples(), 3U);
  EXPECT_EQ(figures_.read().dropped_too_old, 3U);
}

TEST_F(RemoteWriteSender, LanesTravelTogetherAndEachBatchOfALaneAlone) {
  store_.latency = milliseconds(200);
  start();
  for (int i = 0; i < 40; ++i) {
    push(static_cast<std::uint16_t>(i % 4), 4);
    world_.pass(milliseconds(1));
  }
  EXPECT_EQ(world_.most_on_their_way, 4);
  world_.pass(milliseconds(2'000 + 200));
  EXPECT_EQ(store_.samples(), pushed_);
  EXPECT_EQ(store_.out_of_order, 0U);
}

TEST_F(RemoteWriteSender, OneBatchTriesAReceiverThatFails) {
  store_.latency = milliseconds(200);
  store_.status = [](std::size_t) { return 500; };
  start();
  for (std::uint16_t lane = 0; lane < 4; ++lane) {
    push(lane, 4);
  }
  world_.pass(seconds(30));
  world_.most_on_their_way = world_.on_their_way;
  world_.pass(seconds(30));
  EXPECT_EQ(world_.most_on_their_way, 1);
}

TEST_F(RemoteWriteSender, LanesThatWereCountedOtherwiseWaitForEachOther) {
  store_.latency = milliseconds(100);
  start();
  push(0, 2);
  push(1, 2);
  push(0, 3);
  world_.pass(milliseconds(50));
  EXPECT_EQ(store_.requests.size(), 2U);
  world_.pass(milliseconds(100));
  EXPECT_EQ(store_.requests.size(), 3U);
}

TEST_F(RemoteWriteSender, AReceiverThatKnows1AloneIsSent1FromThenOn) {
  options_.version = Version::v2;
  std::vector<Version> told;
  options_.on_version = [&](Version version) { told.push_back(version); };
  for (const int refusal : {415, 400, 200}) {
    store_ = Store();
    told.clear();
    store_.status = [refusal](std::size_t i) { return i == 0 ? refusal : 204; };
    start();
    sender_->push(batch(0, 1, 3, Version::v2));
    world_.pass(seconds(1));
    sender_->push(batch(0, 1, 3, Version::v2));  // what was made before
    push();
    world_.pass(seconds(1));
    ASSERT_EQ(store_.requests.size(), 4U) << refusal;
    EXPECT_EQ(Store::version_of(store_.requests[0]), "2.0.0");
    EXPECT_EQ(store_.requests[0].headers[0].second,
              "application/x-protobuf;proto=io.prometheus.write.v2.Request");
    for (std::size_t i = 1; i < 4; ++i) {
      EXPECT_EQ(Store::version_of(store_.requests[i]), "0.1.0");
    }
    EXPECT_EQ(told, std::vector<Version>{Version::v1});
    EXPECT_EQ(figures_.read().dropped_refused, 0U);
    sender_.reset();
  }
}

TEST_F(RemoteWriteSender, AReceiverThatKnows2AloneIsSent2FromThenOn) {
  store_.status = [this](std::size_t) { return Store::version_of(last_) == "2.0.0" ? 204 : 415; };
  store_.headers = {{"x-prometheus-remote-write-samples-written", "3"}};
  world_.receive = [this](const net::HttpRequest& request) {
    last_ = request;
    return store_.receive(request);
  };
  start();
  push();
  push();
  world_.pass(seconds(1));
  EXPECT_EQ(store_.requests.size(), 3U);
  EXPECT_EQ(store_.samples(), 6U);
  EXPECT_EQ(figures_.read().version, Version::v2);
  EXPECT_THAT(log_.front(), HasSubstr("does not take remote write 1.0"));
}

TEST_F(RemoteWriteSender, AReceiverOfNeitherVersionCostsTwoRequestsAndNotALoop) {
  store_.status = [](std::size_t) { return 415; };
  start();
  push();
  world_.pass(seconds(10));
  EXPECT_EQ(store_.requests.size(), 2U);
  EXPECT_EQ(figures_.read().dropped_refused, 3U);
  EXPECT_TRUE(sender_->is_idle());
  // When it is in order again, it is found out in time.
  store_.status = [this](std::size_t) { return Store::version_of(last_) == "0.1.0" ? 204 : 415; };
  world_.receive = [this](const net::HttpRequest& request) {
    last_ = request;
    return store_.receive(request);
  };
  world_.pass(minutes(2));
  push();
  world_.pass(seconds(1));
  EXPECT_EQ(store_.samples(), 3U);
}

TEST_F(RemoteWriteSender, WhatAReceiverOf2HasWrittenInPartIsCounted) {
  options_.version = Version::v2;
  store_.headers = {{"x-prometheus-remote-write-samples-written", "2"}};
  store_.status = [](std::size_t i) { return i == 0 ? 400 : 200; };
  start();
  sender_->push(batch(0, 1, 3, Version::v2));
  sender_->push(batch(0, 1, 3, Version::v2));
  world_.pass(seconds(1));
  EXPECT_EQ(figures_.read().samples_sent, 4U);
  EXPECT_EQ(figures_.read().dropped_refused, 2U);
}

TEST_F(RemoteWriteSender, WithoutADiskMemoryIsBoundedAndTheOldestGo) {
  on_disk_ = false;
  memory_bytes_max_ = 20'000;
  store_.status = [](std::size_t) { return 0; };
  start();
  for (int i = 0; i < 2000; ++i) {
    push();
    world_.pass(milliseconds(10));
    EXPECT_LT(figures_.read().queue_memory_bytes, 25'000U);
  }
  const Figures figures = figures_.read();
  EXPECT_EQ(figures.dropped_queue_full + figures.queue_samples, pushed_);
  store_.status = [](std::size_t) { return 204; };
  world_.pass(minutes(1));
  EXPECT_EQ(store_.samples(), pushed_ - figures.dropped_queue_full);
  EXPECT_EQ(store_.series.begin()->second.back().first + 10, world_.now_ms() - 60'000);
  EXPECT_EQ(store_.out_of_order, 0U);
}

TEST_F(RemoteWriteSender, WhateverReceiversAndKillsDoNoSeriesIsOutOfOrderAndNothingIsLost) {
  std::mt19937 random(17);
  for (int round = 0; round < 6; ++round) {
    store_ = Store();
    pushed_ = 0;
    figures_.update([](Figures& figures) { figures = {}; });
    store_.status = [&](std::size_t) {
      const auto roll = random() % 10;
      return roll < 5 ? 204 : roll < 7 ? 500 : roll < 8 ? 429 : roll < 9 ? 0 : 503;
    };
    store_.latency = milliseconds(random() % 300);
    start();
    for (int step = 0; step < 150; ++step) {
      const auto lanes = static_cast<std::uint16_t>(1 + step / 50);
      push(static_cast<std::uint16_t>(random() % lanes), lanes);
      world_.pass(milliseconds(random() % 200 + 1));
      if (random() % 25 == 0) {
        restart();
      }
    }
    store_.status = [](std::size_t) { return 204; };
    world_.pass(minutes(5));
    EXPECT_TRUE(sender_->is_idle());
    EXPECT_EQ(store_.samples(), pushed_);
    EXPECT_EQ(store_.out_of_order, 0U);
    sender_.reset();
    world_.forget();
  }
}

// --- OAuth 2

TEST_F(RemoteWriteSender, ATokenIsFetchedKeptRenewedInTimeAndAfterARefusal) {
  OAuth2Options oauth2;
  oauth2.request.url = "https://tokens/token";
  oauth2.client_id = "me:and/you";
  oauth2.client_secret = "s&cret";
  oauth2.scopes = {"a", "b"};
  oauth2.endpoint_params = {{"audience", "x y"}};
  options_.oauth2 = oauth2;
  int tokens = 0;
  std::vector<net::HttpRequest> token_requests;
  std::string refused_token;
  world_.receive = [&](const net::HttpRequest& request)
      -> std::pair<net::HttpResult, std::chrono::milliseconds> {
    if (request.url == "https://tokens/token") {
      token_requests.push_back(request);
      net::HttpResponse response;
      response.status = 200;
      response.body = R"({"access_token":"t)" + std::to_string(++tokens) + R"(","expires_in":100})";
      return {response, milliseconds(5)};
    }
    const std::string authorization = request.headers.front().second;
    if (authorization == "Bearer " + refused_token) {
      net::HttpResponse response;
      response.status = 401;
      return {response, milliseconds(5)};
    }
    return store_.receive(request);
  };
  start();
  push();
  world_.pass(seconds(1));
  push();
  world_.pass(seconds(1));
  EXPECT_EQ(tokens, 1);
  ASSERT_EQ(store_.requests.size(), 2U);
  EXPECT_EQ(store_.requests[0].headers[0],
            (std::pair<std::string, std::string>("Authorization", "Bearer t1")));
  EXPECT_EQ(token_requests[0].username, "me%3Aand%2Fyou");
  EXPECT_EQ(token_requests[0].password, "s%26cret");
  EXPECT_EQ(token_requests[0].body, "grant_type=client_credentials&scope=a%20b&audience=x%20y");
  world_.pass(seconds(90));
  push();
  world_.pass(seconds(1));
  EXPECT_EQ(tokens, 2);
  refused_token = "t2";
  push();
  world_.pass(seconds(1));
  EXPECT_EQ(tokens, 3);
  EXPECT_EQ(store_.samples(), 12U);
  EXPECT_EQ(figures_.read().dropped_refused, 0U);
}

TEST_F(RemoteWriteSender, ATokenServerThatIsAwayMakesSamplesWait) {
  OAuth2Options oauth2;
  oauth2.request.url = "https://tokens/token?key=secret";
  oauth2.client_id = "me";
  oauth2.client_secret = "secret";
  options_.oauth2 = oauth2;
  bool is_there = false;
  std::vector<net::HttpRequest> token_requests;
  world_.receive = [&](const net::HttpRequest& request)
      -> std::pair<net::HttpResult, std::chrono::milliseconds> {
    if (request.url.starts_with("https://tokens/")) {
      token_requests.push_back(request);
      net::HttpResponse response;
      response.status = is_there && request.body.find("client_secret=secret") != std::string::npos
                            ? 200
                            : 401;  // it wants the credentials in the body
      response.body = R"({"access_token":"t"})";
      return {response, milliseconds(5)};
    }
    return store_.receive(request);
  };
  start();
  push();
  world_.pass(minutes(1));
  EXPECT_EQ(store_.requests.size(), 0U);
  EXPECT_EQ(log_, std::vector<std::string>{
                      "remote write test: does not take samples, which wait: no token from "
                      "https://tokens/token?...: it answers 401 Unauthorized"});
  is_there = true;
  world_.pass(minutes(1));
  EXPECT_EQ(store_.samples(), 3U);
}

}  // namespace
}  // namespace heapwatch::exporters::remote_write
