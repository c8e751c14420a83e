// When programs are looked at, and what becomes of those that give nothing.
#include "exporters/pyroscope/collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <string>
#include <vector>

#include "base/log.h"
#include "heap_profile.h"
#include "pprof/encode.h"
#include "pprof/gunzip.h"
#include "pprof/parse.h"
#include "tests/testing/http_target.h"

namespace heapwatch::exporters::pyroscope::tests {
namespace {

using heapwatch::tests::HttpTarget;

/// What a collector sends, and the programs that it is told of.
class PyroscopeCollector : public ::testing::Test {
 protected:
  PyroscopeCollector() { base::set_log_level(base::LogLevel::off); }

  void start() {
    auto started = Collector::start({.interval = std::chrono::milliseconds(100),
                                     .programs =
                                         [this] {
                                           const std::lock_guard lock(mutex_);
                                           return programs_;
                                         },
                                     .send =
                                         [this](Ready ready) {
                                           const std::lock_guard lock(mutex_);
                                           sent_.push_back(std::move(ready));
                                           changed_.notify_all();
                                         }});
    ASSERT_TRUE(started);
    collector_ = std::move(*started);
  }

  /// Of a heap that has another block at each look, or never another.
  Program program(const std::string& name, bool changes) {
    auto looks = std::make_shared<std::atomic<int>>(0);
    looks_[name] = looks;
    return {.id = name,
            .service = name,
            .tags = {"zone:eu"},
            .page = nullptr,
            .take = [looks, changes]() -> base::Result<std::optional<Heap>> {
              const int look = ++*looks;
              const int blocks = changes ? look : 1;
              return std::optional<Heap>(
                  {.state = static_cast<std::uint64_t>(blocks), .profile = [blocks] {
                     return heap_profile({{"f", blocks, blocks}});
                   }});
            }};
  }

  Program page(const std::string& url, const std::string& name = "page") {
    auto request = std::make_shared<net::HttpRequest>();
    request->url = url;
    return {.id = name, .service = name, .tags = {}, .page = std::move(request), .take = nullptr};
  }

  std::vector<Ready> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(
        changed_.wait_for(lock, std::chrono::seconds(60), [&] { return sent_.size() >= count; }));
    return sent_;
  }
  template <typename Condition>
  static void wait_until(const Condition& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_TRUE(condition());
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Program> programs_;
  std::vector<Ready> sent_;
  std::map<std::string, std::shared_ptr<std::atomic<int>>> looks_;
  std::unique_ptr<Collector> collector_;
};

TEST_F(PyroscopeCollector, WhatChangesIsSentEachTimeWithTheTimeSinceTheLastOne) {
  programs_ = {program("a", true)};
  start();
  const std::vector<Ready> sent = wait_for(3);
  EXPECT_EQ(sent[0].service, "a");
  EXPECT_EQ(sent[0].labels, (prometheus::Labels{{"zone", "eu"}}));
  EXPECT_EQ(sent[0].until - sent[0].from, std::chrono::milliseconds(100));
  EXPECT_EQ(sent[1].from, sent[0].until);
  const auto profile = pprof::parse_profile(sent[1].profile, {});
  ASSERT_TRUE(profile);
  EXPECT_EQ(lines_of(*profile), (std::vector<std::string>{"f: 1 10 2 20"}));
  EXPECT_EQ(profile->time_nanos,
            std::chrono::duration_cast<std::chrono::nanoseconds>(sent[1].until.time_since_epoch())
                .count());
}

TEST_F(PyroscopeCollector, WhatDoesNotChangeIsSentOnce) {
  programs_ = {program("a", false)};
  start();
  wait_until([&] { return collector_->figures().unchanged >= 3; });
  EXPECT_EQ(wait_for(1).size(), 1U);
  EXPECT_EQ(collector_->figures().sent, 1U);
  EXPECT_EQ(collector_->figures().programs, 1U);
}

TEST_F(PyroscopeCollector, AProgramThatIsGoneIsLookedAtNoMore) {
  programs_ = {program("a", true), program("b", true)};
  start();
  (void)wait_for(2);
  {
    const std::lock_guard lock(mutex_);
    programs_.pop_back();
  }
  wait_until([&] { return collector_->figures().programs == 1; });
  const int before = *looks_["b"];
  const int others = *looks_["a"];
  wait_until([&] { return *looks_["a"] >= others + 3; });
  EXPECT_EQ(*looks_["b"], before);
}

TEST_F(PyroscopeCollector, APageThatNeverAnswersHoldsUpNobodyAndIsAskedOnce) {
  HttpTarget target;
  target.serve("/heap", {.delay = std::chrono::hours(1)});
  programs_ = {program("a", true)};
  for (int i = 0; i < 12; ++i) {  // more than are asked at once
    programs_.push_back(page(target.url("/heap"), "page" + std::to_string(i)));
  }
  start();
  (void)wait_for(10);
  EXPECT_LE(target.requests().size(), 8U);
  collector_.reset();
}

TEST_F(PyroscopeCollector, APageThatHoldsNoHeapOfGoIsAFailureAndNothingIsSent) {
  HttpTarget target;
  const std::vector<std::string> bodies{
      "<html>hello</html>", "",
      pprof::gzip(pprof::encode_proto(heap_profile({{"f", 1, 1}}, "delay")))};
  for (const std::string& body : bodies) {
    target.serve("/heap", {.body = body});
    programs_ = {page(target.url("/heap"))};
    start();
    wait_until([&] { return collector_->figures().failed >= 2; });
    collector_.reset();
  }
  HttpTarget missing;
  programs_ = {page(missing.url("/heap"))};
  start();
  wait_until([&] { return collector_->figures().failed >= 2; });
  EXPECT_TRUE(sent_.empty());
}

TEST_F(PyroscopeCollector, APageOfAGoProgramIsSent) {
  HttpTarget target;
  target.serve("/heap", {.body = pprof::gzip(pprof::encode_proto(heap_profile({{"f", 7, 2}})))});
  programs_ = {page(target.url("/heap"))};
  start();
  const auto profile = pprof::parse_profile(wait_for(1)[0].profile, {});
  ASSERT_TRUE(profile);
  EXPECT_EQ(lines_of(*profile), (std::vector<std::string>{"f: 0 0 2 20"}));
}

TEST_F(PyroscopeCollector, OfTooManyProgramsTheFirstAreLookedAt) {
  for (std::size_t i = 0; i < Collector::programs_max + 1; ++i) {
    programs_.push_back(
        {.id = std::to_string(i),
         .service = "a",
         .tags = {},
         .page = nullptr,
         .take = []() -> base::Result<std::optional<Heap>> { return std::optional<Heap>(); }});
  }
  start();
  wait_until([&] { return collector_->figures().programs > 0; });
  EXPECT_EQ(collector_->figures().programs, Collector::programs_max);
}

}  // namespace
}  // namespace heapwatch::exporters::pyroscope::tests
