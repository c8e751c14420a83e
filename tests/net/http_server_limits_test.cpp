// What clients may do to a server of pages: be slow, be silent, be many, say something wrong.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "http_server_limits_fixture.h"

namespace heapwatch::net {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

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

}  // namespace
}  // namespace heapwatch::net
