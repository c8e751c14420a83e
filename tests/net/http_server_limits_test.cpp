// What clients may do to a server of pages: be slow, be silent, be many, say something wrong.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "net/http_server.h"
#include "raw_client.h"

namespace heapwatch::net {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t large_bytes = 20'000'000;
/// Enough for a machine that is busy, and little beside what a client could wait for.
constexpr seconds soon{8};

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

TEST_F(HttpServerLimits, ClientsThatAreIdleOrSlowDelayNobody) {
  const auto server = start({.threads = 1, .body_bytes_max = 100});
  std::vector<RawClient> clients;
  for (int i = 0; i < 50; ++i) {
    clients.emplace_back(server->port());  // says nothing
    clients.emplace_back(server->port()).say("GET / HT");
    clients.emplace_back(server->port()).say(post("x", 90));
  }
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back(server->port()).say(get("/large"));  // and never reads it
  }
  const auto began = Clock::now();
  for (int i = 0; i < 10; ++i) {
    expect_page(RawClient(server->port()));
  }
  EXPECT_LT(Clock::now() - began, seconds(4));  // their deadline is five
}

TEST_F(HttpServerLimits, PagesThatTakeLongHaveThreadsOfTheirOwnAndALimit) {
  const auto server = start({.threads = 1, .long_threads = 2});
  std::vector<RawClient> waiting;
  for (int i = 0; i < 2; ++i) {
    waiting.emplace_back(server->port()).say(get("/long"));
  }
  gate_.wait_for(2);
  expect_page(RawClient(server->port()));
  std::string refused;
  for (int i = 0; i < 20 && refused.empty(); ++i) {
    RawClient more(server->port());
    more.say(get("/long") + get("/b"));
    // What waits in line is silent; who gets no place hears so.
    for (int turn = 0; turn < 20 && refused.empty(); ++turn) {
      if (more.sip(0)) {
        std::this_thread::sleep_for(milliseconds(1));
      }
    }
    waiting.push_back(std::move(more));
  }
  const auto status = waiting.back().hear();
  EXPECT_THAT(status, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(status, EndsWith("as many requests that take long are being answered as may; try "
                               "again when one has ended\n"));
  gate_.open();
  EXPECT_THAT(waiting.front().hear("long"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpServerLimits, AllWhoAskWhileAPageIsMadeGetTheNextOneTogether) {
  std::atomic<int> made{0};
  const auto server = HttpServer::start(
      {.threads = 2, .shared_as = [](const ServerRequest& request) { return request.path; }},
      [&](const ServerRequest& request) {
        const int number = ++made;
        if (number == 1) {
          gate_.pass();
        }
        return ServerReply{.body = request.path + std::to_string(number) + "!", .headers = {}};
      });
  ASSERT_TRUE(server);
  const RawClient first((*server)->port());
  first.say(get("/a"));
  gate_.wait_for(1);
  std::vector<RawClient> clients;
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back((*server)->port()).say(get("/a"));
  }
  const RawClient other((*server)->port());
  other.say(get("/b"));
  EXPECT_THAT(other.hear("!"), EndsWith("\r\n\r\n/b2!"));
  gate_.open();
  EXPECT_THAT(first.hear("!"), EndsWith("\r\n\r\n/a1!"));
  for (const RawClient& client : clients) {
    EXPECT_THAT(client.hear("!"), EndsWith("\r\n\r\n/a3!"));
  }
  EXPECT_EQ(made, 3);
}

TEST_F(HttpServerLimits, AHeadThatDripsInIsGivenUp) {
  const auto server = start({.request_timeout = milliseconds(300)});
  const RawClient client(server->port());
  const auto lived = time_until_closed([&] { return client.try_to_say("G") && client.sip(1); });
  EXPECT_GE(lived, milliseconds(250));
  EXPECT_LT(lived, soon);
}

TEST_F(HttpServerLimits, ABodyThatDripsInIsGivenUp) {
  const auto server = start({.body_bytes_max = 1'000'000, .request_timeout = milliseconds(300)});
  const RawClient client(server->port());
  client.say(post("", 1'000'000));
  const auto lived = time_until_closed([&] { return client.try_to_say("x") && client.sip(1); });
  EXPECT_GE(lived, milliseconds(250));
  EXPECT_LT(lived, soon);
}

TEST_F(HttpServerLimits, AReplyThatIsReadTooSlowlyIsGivenUp) {
  const auto server =
      start({.request_timeout = milliseconds(2'000), .exchange_timeout = milliseconds(500)});
  const RawClient sipping(server->port());
  sipping.say(get("/large"));
  EXPECT_LT(time_until_closed([&] { return sipping.sip(10'000); }), soon);
}

TEST_F(HttpServerLimits, AnIdleConnectionIsGivenUp) {
  const auto server = start({.idle_timeout = milliseconds(200)});
  const RawClient silent(server->port());
  const RawClient finished(server->port());
  expect_page(finished);
  EXPECT_LT(time_until_closed([&] { return silent.sip(1); }), soon);
  EXPECT_LT(time_until_closed([&] { return finished.sip(1); }), soon);
}

TEST_F(HttpServerLimits, APeerWithTooManyConnectionsLosesItsOldestIdleOne) {
  const auto server = start({.connections_per_peer_max = 3});
  const RawClient other(server->port(), "127.0.0.2");
  std::vector<RawClient> clients;
  for (int i = 0; i < 3; ++i) {
    expect_page(clients.emplace_back(server->port()));
  }
  expect_page(RawClient(server->port()));
  EXPECT_EQ(clients[0].hear(), "");
  expect_page(clients[1]);
  expect_page(clients[2]);
  expect_page(other);
}

TEST_F(HttpServerLimits, ThereAreOnlySoManyConnectionsAndTheOldestIdleOneGoes) {
  const auto server = start({.connections_max = 4});
  std::vector<RawClient> clients;
  for (int i = 1; i <= 4; ++i) {
    expect_page(clients.emplace_back(server->port(), "127.0.0." + std::to_string(i)));
  }
  expect_page(RawClient(server->port()));
  EXPECT_EQ(clients[0].hear(), "");
  expect_page(clients[3]);
}

TEST_F(HttpServerLimits, RepliesUnderWayTakeNoMoreMemoryThanTheyMay) {
  const auto server = start({.held_bytes_max = 3 * large_bytes + large_bytes / 2});
  std::vector<RawClient> slow;
  for (int i = 0; i < 12; ++i) {
    slow.emplace_back(server->port()).say(get("/large"));
    EXPECT_NE(slow.back().hear("\r\n\r\n"), "");
  }
  EXPECT_EQ(read_large(RawClient(server->port())), large_bytes);
  std::size_t cut = 0;
  for (const RawClient& client : slow) {
    std::size_t got = 0;
    while (client.sip(65'536) && ++got < 1'000) {
    }
    cut += got < 1'000 ? 1 : 0;
  }
  EXPECT_GE(cut, 9U);
}

TEST_F(HttpServerLimits, WhatIsSaidWrongGetsA400AndNothingBehindItIsRead) {
  const auto server = start({.body_bytes_max = 100});
  const std::string hidden = get("/hidden");
  for (const std::string& lines :
       {std::string("Content-Length: 1\r\nContent-Length: 2\r\n"),
        std::string("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
        std::string("Content-Length : 1\r\n"), std::string("A: b\r\n folded\r\n"),
        std::string("A: b\nC: d\r\n"), std::string("A: \0\r\n", 6)}) {
    const RawClient client(server->port());
    client.say("POST / HTTP/1.1\r\nHost: localhost\r\n" + lines + "\r\n" + hidden);
    const std::string heard = client.hear();
    EXPECT_THAT(heard, StartsWith("HTTP/1.1 400 Bad Request\r\n")) << lines;
    EXPECT_THAT(heard, HasSubstr("\r\nConnection: close\r\n"));
    EXPECT_THAT(heard, Not(HasSubstr("hidden")));
  }
}

TEST_F(HttpServerLimits, SaysWhatIsWrongWithARequest) {
  const auto server = start({.request_bytes_max = 1'000, .body_bytes_max = 100});
  for (const auto& [said, status] :
       {std::pair{std::string("\x16\x03\x01"), "400 Bad Request"},
        std::pair{std::string(2'000, 'G'), "431 Request Header Fields Too Large"},
        std::pair{get("/", "A: " + std::string(2'000, 'x') + "\r\n"),
                  "431 Request Header Fields Too Large"},
        std::pair{post("x", 101), "413 Content Too Large"},
        std::pair{std::string("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
                  "411 Length Required"},
        std::pair{std::string("GET / HTTP/3.0\r\n\r\n"), "505 HTTP Version Not Supported"}}) {
    const RawClient client(server->port());
    client.say(said);
    EXPECT_THAT(client.hear(), StartsWith("HTTP/1.1 " + std::string(status) + "\r\n"));
  }
}

TEST_F(HttpServerLimits, TakesABodyInPartsAndTheRequestsBehindIt) {
  const auto server = start({.body_bytes_max = 100});
  const RawClient client(server->port());
  client.say(
      "POST /p HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(client.hear("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.say("ab");
  client.say("cde" + get("/a") + get("/b", "Connection: close\r\n"));
  const std::string heard = client.hear();
  const std::size_t first = heard.find("POST/p[abcde]");
  const std::size_t second = heard.find("GET/a[]");
  EXPECT_LT(first, second);
  EXPECT_LT(second, heard.find("GET/b[]"));
  EXPECT_THAT(heard, EndsWith("GET/b[]"));
}

TEST_F(HttpServerLimits, AClientThatHasSaidAllStillGetsItsPage) {
  const auto server = start({});
  const RawClient client(server->port());
  client.say(get("/a"));
  client.end_request();
  EXPECT_THAT(client.hear(), EndsWith("GET/a[]"));
  const RawClient reader(server->port());
  reader.say(get("/large"));
  reader.end_request();
  const std::string heard = reader.hear();
  EXPECT_EQ(heard.size() - heard.find("\r\n\r\n") - 4, large_bytes);
}

TEST_F(HttpServerLimits, ABodyOfAGetIsNotTakenForTheNextRequest) {
  const auto server = start({});
  const RawClient client(server->port());
  const std::string hidden = get("/hidden");
  client.say(get("/a", "Content-Length: " + std::to_string(hidden.size()) + "\r\n") + hidden);
  EXPECT_THAT(client.hear(), EndsWith("GET/a[]"));
}

TEST_F(HttpServerLimits, APageForSomebodyWhoHasGoneIsDropped) {
  const auto server = start({.long_threads = 1});
  {
    const RawClient client(server->port());
    client.say(get("/long"));
    gate_.wait_for(1);
  }
  gate_.open();
  expect_page(RawClient(server->port()));
}

/// With no descriptor left in the process but those it has. What is found is compared when there
/// are some again: the sanitizer needs one to look at an object with virtual functions.
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
  UnixServer() {
    char pattern[] = "/tmp/heapwatch-server-XXXXXX";
    folder_ = mkdtemp(pattern);
    path_ = folder_ + "/pages";
  }
  ~UnixServer() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
  std::string path_;
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
