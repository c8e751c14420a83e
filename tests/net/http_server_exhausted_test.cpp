// A server whose process has no descriptor left, and one at a unix socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "http_server_limits_fixture.h"
#include "tests/testing/temporary_folder.h"

namespace heapwatch::net {
namespace {

using ::testing::EndsWith;

class Exhausted : public HttpServerLimits {
 protected:
  void exhaust() {
    base::log(base::LogLevel::warn, "all descriptors are taken");  // it has been used then
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &before_);
    limit = before_;
    limit.rlim_cur = 256;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (int taken = dup(0); taken >= 0; taken = dup(0)) {
      taken_.push_back(taken);
    }
  }
  void relax() {
    for (const int number : taken_) {
      close(number);
    }
    taken_.clear();
    if (before_.rlim_cur != 0) {
      setrlimit(RLIMIT_NOFILE, &before_);
    }
  }
  void TearDown() override {
    relax();
    HttpServerLimits::TearDown();
  }
  /// A client whose descriptor was there before.
  static int unconnected() { return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }
  static RawClient connected(int number, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(number, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return RawClient(RawClient::Duplicate{number});
  }
  static double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto of = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return of(usage.ru_utime) + of(usage.ru_stime);
  }

  rlimit before_{};
  std::vector<int> taken_;
};

TEST_F(Exhausted, AnIdleConnectionGivesItsDescriptorToANewOne) {
  const auto server = start({});
  const int number = unconnected();
  const RawClient idle(server->port());
  expect_page(idle);
  exhaust();
  const RawClient next = connected(number, server->port());
  next.say(get("/a", "Connection: close\r\n"));
  const std::string heard = next.hear();
  relax();
  EXPECT_THAT(heard, EndsWith("GET/a[]"));
  EXPECT_EQ(idle.hear(), "");
}

TEST_F(Exhausted, WithoutOneClientsAreTurnedAwayAndTheLoopDoesNotSpin) {
  const auto server = start({});
  const int number = unconnected();
  const int later = unconnected();
  exhaust();
  const double cpu = cpu_seconds();
  const std::string heard = connected(number, server->port()).hear();
  std::this_thread::sleep_for(milliseconds(500));  // in which a loop that spins is seen
  const double used = cpu_seconds() - cpu;
  relax();
  EXPECT_EQ(heard, "");  // not left hanging
  EXPECT_LT(used, 0.3);
  expect_page(connected(later, server->port()));
}

class UnixServer : public HttpServerLimits {
 protected:
  heapwatch::tests::TemporaryFolder folder_;
  std::string path_ = folder_ / "pages";
};

TEST_F(UnixServer, AnswersTheUserAloneAndOneRequestAConnection) {
  auto server = start({.listen = "unix:" + path_, .body_bytes_max = 100});
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(server->port(), 0);
  const RawClient client(path_);
  client.say("GET /a HTTP/1.1\r\nHost: any\r\n\r\n");
  EXPECT_THAT(client.hear(), EndsWith("GET/a[]"));
  server.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(UnixServer, ReplacesASocketThatNobodyListensOn) {
  {
    const int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.c_str(), path_.size());
    ASSERT_EQ(bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    close(dead);
  }
  const auto server = start({.listen = "unix:" + path_});
  const RawClient client(path_);
  client.say(get("/a"));
  EXPECT_THAT(client.hear(), EndsWith("GET/a[]"));
  const auto second = HttpServer::start({.listen = "unix:" + path_}, ServerHandler());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), (base::Error{base::ErrorKind::io, "cannot listen on unix:" + path_ +
                                                                  ": Address already in use"}));
}

TEST_F(UnixServer, TellsAPathThatIsTooLong) {
  const std::string path(200, 'x');
  const auto server = HttpServer::start({.listen = "unix:" + path}, ServerHandler());
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error(),
            (base::Error{base::ErrorKind::invalid,
                         "unix:" + path + ": the path of a unix socket has 1 to 107 bytes"}));
}

}  // namespace
}  // namespace heapwatch::net
