#include "exporters/dogstatsd/transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "unix_server.h"

namespace heapwatch::exporters::dogstatsd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TransportTest : public ::testing::Test {
 protected:
  Transport make(const std::string& scheme) {
    TransportOptions options;
    options.address = parse_address(scheme + "://" + path_).value();
    options.clock = [this] { return now_; };
    options.log = [this](base::LogLevel level, std::string_view text) {
      const std::string name = level == base::LogLevel::info ? "info " : "warn ";
      std::string line = name + std::string(text);
      if (const auto at = line.find(path_); at != std::string::npos) {
        line.replace(at, path_.size(), "PATH");
      }
      log_.push_back(line);
    };
    options.write_timeout = std::chrono::milliseconds{20};
    return Transport(std::move(options));
  }

  static Delivery flush(Transport& transport, std::string_view packet) {
    transport.begin_flush();
    const Delivery delivery = transport.send(packet);
    transport.end_flush();
    return delivery;
  }

  void later(std::chrono::milliseconds time) { now_.steady += time; }

  Folder folder_;
  std::string path_ = folder_.socket();
  base::Instant now_{};
  std::vector<std::string> log_;
};

TEST_F(TransportTest, SendsDatagrams) {
  UnixServer server(path_, SOCK_DGRAM);
  Transport transport = make("unixgram");
  EXPECT_EQ(flush(transport, "a:1|g\n"), Delivery::sent);
  EXPECT_THAT(server.receive_all(), ElementsAre("a:1|g\n"));
  EXPECT_THAT(log_, ElementsAre("info dogstatsd unixgram://PATH: reachable; packets dropped: 0"));
}

TEST_F(TransportTest, FramesAStreamByLengthsInLittleEndian) {
  UnixServer server(path_, SOCK_STREAM);
  Transport transport = make("unixstream");
  EXPECT_EQ(flush(transport, "a:1|g\n"), Delivery::sent);
  EXPECT_EQ(server.receive(1000), std::string("\6\0\0\0a:1|g\n", 10));
  const std::string large(258, 'x');
  EXPECT_EQ(flush(transport, large), Delivery::sent);
  EXPECT_EQ(server.receive(1000), std::string("\2\1\0\0", 4) + large);
}

TEST_F(TransportTest, TriesTheStreamWhenTheSocketIsOne) {
  UnixServer server(path_, SOCK_STREAM);
  Transport transport = make("unix");
  EXPECT_EQ(flush(transport, "x"), Delivery::sent);
  EXPECT_EQ(server.receive(1000), std::string("\1\0\0\0x", 5));
}

TEST_F(TransportTest, SaysThatTheSocketIsOfTheOtherKind) {
  UnixServer server(path_, SOCK_STREAM);
  Transport transport = make("unixgram");
  EXPECT_EQ(flush(transport, "x"), Delivery::failed);
  EXPECT_THAT(log_,
              ElementsAre("warn dogstatsd unixgram://PATH: not reachable, packets are dropped: "
                          "Protocol wrong type for socket"));
}

TEST_F(TransportTest, FindsAServerThatStartsLater) {
  Transport transport = make("unix");
  EXPECT_EQ(flush(transport, "x"), Delivery::failed);
  EXPECT_EQ(flush(transport, "x"), Delivery::failed);
  EXPECT_FALSE(transport.reachable());
  UnixServer server(path_, SOCK_DGRAM);
  EXPECT_EQ(flush(transport, "early"), Delivery::failed);  // an attempt a second
  later(std::chrono::seconds{1});
  EXPECT_EQ(flush(transport, "x"), Delivery::sent);
  EXPECT_TRUE(transport.reachable());
  EXPECT_THAT(log_, ElementsAre("warn dogstatsd unix://PATH: not reachable, packets are dropped: "
                                "No such file or directory",
                                "info dogstatsd unix://PATH: reachable; packets dropped: 3"));
}

TEST_F(TransportTest, LosesNothingWhenADatagramServerRestarts) {
  auto server = std::make_unique<UnixServer>(path_, SOCK_DGRAM);
  Transport transport = make("unix");
  EXPECT_EQ(flush(transport, "one"), Delivery::sent);
  server.reset();
  std::filesystem::remove(path_);
  server = std::make_unique<UnixServer>(path_, SOCK_DGRAM);
  EXPECT_EQ(flush(transport, "two"), Delivery::sent);
  EXPECT_THAT(server->receive_all(), ElementsAre("two"));
}

TEST_F(TransportTest, NoticesANewSocketBehindThePathWhileTheOldOneStillTakesDatagrams) {
  UnixServer orphan(path_, SOCK_DGRAM);
  Transport transport = make("unixgram");
  EXPECT_EQ(flush(transport, "one"), Delivery::sent);
  std::filesystem::remove(path_);
  UnixServer server(path_, SOCK_DGRAM);
  EXPECT_EQ(flush(transport, "two"), Delivery::sent);
  EXPECT_THAT(orphan.receive_all(), ElementsAre("one"));
  EXPECT_THAT(server.receive_all(), ElementsAre("two"));
}

TEST_F(TransportTest, LosesNothingWhenAStreamServerHangsUp) {
  UnixServer server(path_, SOCK_STREAM);
  Transport transport = make("unixstream");
  EXPECT_EQ(flush(transport, "one"), Delivery::sent);
  EXPECT_EQ(server.receive(1000).substr(4), "one");
  server.hang_up();
  EXPECT_EQ(flush(transport, "two"), Delivery::sent);
  EXPECT_EQ(server.receive(1000).substr(4), "two");
}

TEST_F(TransportTest, AStreamServerThatDiesWithinAFlushCostsAReconnect) {
  UnixServer server(path_, SOCK_STREAM);
  Transport transport = make("unixstream");
  transport.begin_flush();
  EXPECT_EQ(transport.send("one"), Delivery::sent);
  EXPECT_EQ(server.receive(1000).substr(4), "one");
  server.hang_up();
  EXPECT_EQ(transport.send("two"), Delivery::failed);  // one attempt to connect in a flush
  transport.end_flush();
  EXPECT_EQ(flush(transport, "three"), Delivery::sent);
  EXPECT_EQ(server.receive(1000).substr(4), "three");
}

TEST_F(TransportTest, DropsWhatAServerThatDoesNotReadHasNoRoomFor) {
  UnixServer server(path_, SOCK_DGRAM);
  Transport transport = make("unixgram");
  transport.begin_flush();
  const std::string packet(8192, 'x');
  std::size_t sent = 0;
  while (transport.send(packet) == Delivery::sent) {
    ++sent;
  }
  transport.end_flush();
  EXPECT_TRUE(transport.reachable());  // it took some in this flush
  EXPECT_EQ(flush(transport, packet), Delivery::full);
  EXPECT_FALSE(transport.reachable());
  EXPECT_EQ(server.receive_all().size(), sent);
  EXPECT_EQ(flush(transport, packet), Delivery::sent);
  EXPECT_THAT(log_,
              ElementsAre("info dogstatsd unixgram://PATH: reachable; packets dropped: 1",
                          "warn dogstatsd unixgram://PATH: does not read, packets are dropped",
                          "info dogstatsd unixgram://PATH: reachable; packets dropped: 1"));
}

TEST_F(TransportTest, EndsAStreamThatTookOnlyAPartOfAPacket) {
  UnixServer server(path_, SOCK_STREAM);
  Transport transport = make("unixstream");
  const std::string packet(std::size_t{8} * 1024 * 1024, 'x');  // more than any socket holds
  EXPECT_EQ(flush(transport, packet), Delivery::failed);
  EXPECT_THAT(log_,
              ElementsAre("warn dogstatsd unixstream://PATH: not reachable, packets are dropped: "
                          "it took only a part of a packet"));
  EXPECT_THAT(server.receive(1000), ::testing::SizeIs(::testing::Gt(0U)));
  EXPECT_EQ(flush(transport, "whole"), Delivery::sent);
  server.hang_up();
  EXPECT_EQ(server.receive(1000), std::string("\5\0\0\0whole", 9));
}

TEST_F(TransportTest, DropsADatagramNoSocketTakes) {
  UnixServer server(path_, SOCK_DGRAM);
  Transport transport = make("unixgram");
  EXPECT_EQ(flush(transport, std::string(std::size_t{8} * 1024 * 1024, 'x')), Delivery::failed);
  EXPECT_EQ(flush(transport, "x"), Delivery::sent);
}

}  // namespace
}  // namespace heapwatch::exporters::dogstatsd
