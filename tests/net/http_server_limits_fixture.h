// A server of pages that are small, large or long in the making.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "base/log.h"
#include "net/http_server.h"
#include "raw_client.h"

namespace heapwatch::net {

using ::testing::StartsWith;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr std::size_t large_bytes = 20'000'000;
/// Enough for a machine that is busy, and little beside what a client could wait for.
inline constexpr seconds soon{8};

/// Handlers that wait until they are let go.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void wait_for(int waiting) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, soon, [&] { return waiting_ >= waiting; }));
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
};

class HttpServerLimits : public ::testing::Test {
 protected:
  ServerReply page(const ServerRequest& request) {
    ServerReply reply;
    if (request.path == "/large") {
      reply.body.assign(large_bytes, 'x');
    } else if (request.path == "/long") {
      gate_.pass();
      reply.body = "long";
    } else {
      reply.body = request.method + request.path + "[" + request.body + "]";
    }
    return reply;
  }
  std::unique_ptr<HttpServer> start(ServerOptions options) {
    options.takes_long = [](const ServerRequest& request) { return request.path == "/long"; };
    auto server =
        HttpServer::start(options, [this](const ServerRequest& request) { return page(request); });
    EXPECT_TRUE(server) << server.error().message;
    return std::move(*server);
  }
  void TearDown() override { gate_.open(); }

  static std::string get(const std::string& path, const std::string& more = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + more + "\r\n";
  }
  static std::string post(const std::string& body, std::size_t length) {
    return "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(length) +
           "\r\n\r\n" + body;
  }
  static void expect_page(const RawClient& client, const std::string& path = "/a") {
    const auto began = Clock::now();
    client.say(get(path));
    EXPECT_THAT(client.hear("GET" + path + "[]"), StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_LT(Clock::now() - began, soon);
  }
  static std::size_t read_large(const RawClient& client) {
    client.say(get("/large", "Connection: close\r\n"));
    const std::string heard = client.hear();
    return heard.size() - std::min(heard.find("\r\n\r\n"), heard.size()) - 4;
  }
  /// Until the server closes, doing `something` again and again; how long that took.
  template <typename Something>
  static Clock::duration time_until_closed(const Something& something) {
    const auto began = Clock::now();
    while (something() && Clock::now() - began < 2 * soon) {
      std::this_thread::sleep_for(milliseconds(10));  // the client's own slowness
    }
    return Clock::now() - began;
  }

  Gate gate_;
};

}  // namespace heapwatch::net
