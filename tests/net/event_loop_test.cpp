#include "net/event_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/testing/http_target.h"

namespace heapwatch::net {
namespace {

using heapwatch::tests::HttpTarget;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

std::unique_ptr<EventLoop> make_loop(EventLoopOptions options = {}) {
  auto loop = EventLoop::create(options);
  EXPECT_TRUE(loop) << loop.error().message;
  return std::move(*loop);
}

std::shared_ptr<HttpRequest> request_for(const std::string& url) {
  auto request = std::make_shared<HttpRequest>();
  request->url = url;
  return request;
}

TEST(EventLoop, RunsTimersInOrderAndNeverEarly) {
  const auto loop = make_loop();
  const auto now = Clock::now();
  std::string order;
  const auto add = [&](int ms, char name) {
    const auto when = now + milliseconds(ms);
    return loop->at(when, [&order, name, when] {
      EXPECT_GE(Clock::now(), when);
      order += name;
    });
  };
  (void)add(30, 'd');
  (void)add(10, 'a');
  (void)add(20, 'b');
  (void)add(20, 'c');
  const auto cancelled = add(15, 'x');
  loop->cancel(cancelled);
  loop->cancel(cancelled);
  loop->at(now + milliseconds(40), [&] { loop->stop(); });
  loop->run();
  EXPECT_EQ(order, "abcd");
}

TEST(EventLoop, RunsThousandsOfTimersAndForgetsTheCancelledOnes) {
  const auto loop = make_loop();
  int fired = 0;
  const auto now = Clock::now();
  for (int i = 0; i < 10'000; ++i) {
    loop->at(now + milliseconds(i % 20), [&] { ++fired; });
    loop->cancel(loop->at(now + milliseconds(i % 20), [&] { fired += 1'000'000; }));
  }
  loop->at(now + milliseconds(20), [&] { loop->stop(); });
  loop->run();
  EXPECT_EQ(fired, 10'000);
}

TEST(EventLoop, TimersMayAddAndCancelTimers) {
  const auto loop = make_loop();
  const auto now = Clock::now();
  int fired = 0;
  const auto victim = loop->at(now + milliseconds(1), [&] { fired += 100; });
  loop->at(now, [&] {
    loop->cancel(victim);
    loop->at(now, [&] {
      ++fired;
      loop->stop();
    });
  });
  loop->run();
  EXPECT_EQ(fired, 1);
}

TEST(EventLoop, TakesTasksFromManyThreads) {
  const auto loop = make_loop();
  int ran = 0;  // touched by the loop's thread alone
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) {
        loop->post([&] {
          if (++ran == 4000) {
            loop->stop();
          }
        });
      }
    });
  }
  loop->run();
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(ran, 4000);
}

TEST(EventLoop, StopsFromAnotherThreadAndRunsAgain) {
  const auto loop = make_loop();
  for (int i = 0; i < 2; ++i) {
    std::thread other([&] { loop->stop(); });
    loop->run();
    other.join();
  }
  int ran = 0;
  loop->post([&] {
    ++ran;
    loop->stop();
  });
  loop->post([&] {
    ++ran;
    loop->stop();
  });
  loop->run();
  EXPECT_EQ(ran, 1) << "nothing runs after stop()";
  loop->run();
  EXPECT_EQ(ran, 2) << "and nothing is lost";
}

TEST(EventLoop, WatchesDescriptorsUntilTold) {
  const auto loop = make_loop();
  const int descriptor = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
  int calls = 0;
  loop->watch(descriptor, [&] {
    std::uint64_t one = 0;
    EXPECT_EQ(read(descriptor, &one, sizeof one), static_cast<ssize_t>(sizeof one));
    if (++calls == 2) {
      loop->unwatch(descriptor);
      loop->at(Clock::now() + milliseconds(20), [&] { loop->stop(); });
    }
  });
  loop->run();
  close(descriptor);
  EXPECT_EQ(calls, 2);
}

TEST(EventLoop, CallsBackOnceAndNeverFromWithinFetch) {
  HttpTarget target;
  target.serve("/x", {.status = 200, .body = "hello", .headers = {}, .delay = {}});
  const auto loop = make_loop();
  int calls = 0;
  bool inside = true;
  const auto fetch_one = [&](const std::string& url) {
    loop->fetch(request_for(url), [&](const HttpResult& /*result*/) {
      EXPECT_FALSE(inside);
      if (++calls == 3) {
        loop->stop();
      }
    });
  };
  fetch_one(target.url("/x"));
  fetch_one("http://127.0.0.1:1/");
  fetch_one("nonsense");
  inside = false;
  loop->run();
  EXPECT_EQ(calls, 3);
}

TEST(EventLoop, ReusesTheConnectionForEveryRunOfATarget) {
  HttpTarget target;
  target.serve("/x", {.status = 200, .body = "hello", .headers = {}, .delay = {}});
  const auto loop = make_loop();
  const auto request = request_for(target.url("/x"));
  int runs = 0;
  const std::function<void()> run = [&] {
    loop->fetch(request, [&](const HttpResult& result) {
      EXPECT_TRUE(result && result->body == "hello");
      if (++runs == 50) {
        loop->stop();
      } else {
        run();
      }
    });
  };
  run();
  loop->run();
  EXPECT_EQ(target.connections(), 1);
  EXPECT_EQ(target.requests().size(), 50U);
}

TEST(EventLoop, WaitsInLineForATurn) {
  HttpTarget target;
  std::vector<std::string> order;
  const auto loop = make_loop({.transfers_max = 2});
  for (int i = 0; i < 6; ++i) {
    const std::string path = "/" + std::to_string(i);
    // The first holds one of the two places, so the others pass through the second one by one.
    target.serve(
        path,
        {.status = 200, .body = path, .headers = {}, .delay = milliseconds(i == 0 ? 300 : 5)});
    loop->fetch(request_for(target.url(path)), [&](const HttpResult& result) {
      ASSERT_TRUE(result) << result.error().message;
      order.push_back(result->body);
      if (order.size() == 6) {
        loop->stop();
      }
    });
  }
  EXPECT_EQ(loop->transfers_running(), 2U);
  EXPECT_EQ(loop->transfers_waiting(), 4U);
  loop->run();
  EXPECT_THAT(order, ::testing::ElementsAre("/1", "/2", "/3", "/4", "/5", "/0"));
  EXPECT_EQ(target.requests().size(), 6U);
}

TEST(EventLoop, TimeoutsBeginWhenTheLineEnds) {
  HttpTarget target;
  const auto loop = make_loop({.transfers_max = 1});
  target.serve("/slow", {.status = 200, .body = "x", .headers = {}, .delay = milliseconds(200)});
  int good = 0;
  int left = 4;
  for (int i = 0; i < 4; ++i) {
    const auto request = request_for(target.url("/slow"));
    request->total_timeout = milliseconds(600);
    loop->fetch(request, [&](const HttpResult& result) {
      good += result ? 1 : 0;
      if (--left == 0) {
        loop->stop();
      }
    });
  }
  loop->run();
  EXPECT_EQ(good, 4);
}

TEST(EventLoop, HungTargetsHoldUpNobody) {
  HttpTarget target;
  target.serve("/good", {.status = 200, .body = "x", .headers = {}, .delay = {}});
  target.serve("/hung",
               {.status = 200, .body = "x", .headers = {}, .delay = std::chrono::hours(1)});
  const auto loop = make_loop();
  int good = 0;
  int hung = 0;
  for (int i = 0; i < 200; ++i) {
    const bool hangs = i % 4 == 0;
    const auto request = request_for(target.url(hangs ? "/hung" : "/good"));
    request->read_timeout = milliseconds(hangs ? 3'000 : 10'000);
    loop->fetch(request, [&, hangs](const HttpResult& result) {
      (hangs ? hung : good) += 1;
      EXPECT_EQ(result.has_value(), !hangs);
      if (!hangs) {
        EXPECT_EQ(hung, 0) << "a good one had to wait for a hung one";
      }
      if (good + hung == 200) {
        loop->stop();
      }
    });
  }
  loop->run();
  EXPECT_EQ(good, 150);
  EXPECT_EQ(hung, 50);
}

TEST(EventLoop, MayGoWhileExchangesAreUnderWay) {
  HttpTarget target;
  target.serve("/hung",
               {.status = 200, .body = "x", .headers = {}, .delay = std::chrono::hours(1)});
  int calls = 0;
  {
    const auto loop = make_loop({.transfers_max = 5});
    for (int i = 0; i < 10; ++i) {
      loop->fetch(request_for(target.url("/hung")), [&](const HttpResult& /*result*/) { ++calls; });
    }
    loop->at(Clock::now() + milliseconds(50), [&] { loop->stop(); });
    loop->run();
    EXPECT_EQ(loop->transfers_running(), 5U);
    EXPECT_EQ(loop->transfers_waiting(), 5U);
  }
  EXPECT_EQ(calls, 0);
}

using EventLoopDeathTest = ::testing::Test;

TEST(EventLoopDeathTest, ACallbackThatThrowsEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        const auto loop = make_loop();
        loop->post([] { throw 1; });
        loop->run();
      },
      "terminate");
}

}  // namespace
}  // namespace heapwatch::net
