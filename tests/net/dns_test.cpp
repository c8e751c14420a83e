#include "net/dns.h"

#include <gmock/gmock.h>

#include <array>
#include <functional>

#include "tests/testing/dns_server.h"

namespace heapwatch::net {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

DnsRecord record(const std::string& target, std::uint16_t port = 0) {
  return {.target = target, .port = port};
}

class DnsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::vector<std::string> records{"--srv-host=_http._tcp.shop.test,a.shop.test,8080,1,2",
                                     "--srv-host=_http._tcp.shop.test,b.shop.test,8081,3,4",
                                     "--srv-host=_none._tcp.shop.test",
                                     "--host-record=a.shop.test,127.0.0.2,fd00::2,120",
                                     "--host-record=a.shop.test,127.0.0.3,60",
                                     "--cname=other.test,a.shop.test",
                                     "--mx-host=shop.test,mail.shop.test,10"};
    for (int i = 0; i < 100; ++i) {
      records.push_back("--srv-host=_many._tcp.test,host-" + std::to_string(i) +
                        ".with-a-name-that-takes-room.test," + std::to_string(1000 + i));
    }
    server_ = new tests::DnsServer(records);
  }
  static void TearDownTestSuite() { delete server_; }

  static DnsAnswer ask(const std::string& name, DnsType type) {
    auto answer = ask_dns(name, type, parse_dns_server(server_->address()));
    EXPECT_TRUE(answer) << answer.error().message;
    return answer.value_or(DnsAnswer{});
  }

  static inline tests::DnsServer* server_ = nullptr;
};

TEST_F(DnsTest, RecordsOfEachTypeAreRead) {
  EXPECT_THAT(ask("_http._tcp.shop.test.", DnsType::srv).records,
              UnorderedElementsAre(record("a.shop.test", 8080), record("b.shop.test", 8081)));
  EXPECT_THAT(ask("a.shop.test", DnsType::a).records,
              UnorderedElementsAre(record("127.0.0.2"), record("127.0.0.3")));
  EXPECT_THAT(ask("a.shop.test", DnsType::aaaa).records, ElementsAre(record("fd00::2")));
  EXPECT_THAT(ask("shop.test.", DnsType::mx).records, ElementsAre(record("mail.shop.test")));
}

TEST_F(DnsTest, AddressesBehindAnotherNameAreThoseOfTheName) {
  EXPECT_THAT(ask("other.test.", DnsType::aaaa).records, ElementsAre(record("fd00::2")));
}

TEST_F(DnsTest, AnAnswerHoldsForAsLongAsItsShortestRecord) {
  EXPECT_EQ(ask("a.shop.test.", DnsType::a).time_to_live, std::chrono::seconds(60));
  EXPECT_EQ(ask("nobody.test.", DnsType::a).time_to_live, std::nullopt);
}

TEST_F(DnsTest, ANameThatIsNotThereHasNoRecordsAndIsNoFailure) {
  EXPECT_THAT(ask("nobody.test.", DnsType::srv).records, IsEmpty());
  EXPECT_THAT(ask("a.shop.test.", DnsType::srv).records, IsEmpty());
}

TEST_F(DnsTest, AnAnswerThatDoesNotFitIntoADatagramComesWhole) {
  const auto answer = ask("_many._tcp.test.", DnsType::srv);
  EXPECT_THAT(answer.records, SizeIs(100));
}

TEST_F(DnsTest, AServerThatWillNotAnswerIsAFailure) {
  const auto answer =
      ask_dns("elsewhere.example.", DnsType::a, parse_dns_server(server_->address()));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, base::ErrorKind::timeout) << "the C library does not tell more";
  EXPECT_THAT(answer.error().message, HasSubstr("elsewhere.example."));
}

/// A server of a test: a socket, and what it makes of a question.
class RawServer {
 public:
  using Reply = std::function<std::vector<unsigned char>(std::vector<unsigned char>)>;
  explicit RawServer(Reply reply) : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address_;
    EXPECT_EQ(bind(socket_, reinterpret_cast<const sockaddr*>(&address_), length), 0);
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address_), &length);
    if (reply) {
      thread_ = std::thread([this, reply = std::move(reply)] { serve(reply); });
    }
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  ~RawServer() {
    shutdown(socket_, SHUT_RDWR);
    if (thread_.joinable()) {
      thread_.join();
    }
    close(socket_);
  }
  [[nodiscard]] net::DnsServer server() const {
    return {.address = address_.sin_addr.s_addr, .port = address_.sin_port};
  }

 private:
  void serve(const Reply& reply) const {
    std::array<unsigned char, 512> question{};
    sockaddr_in from{};
    socklen_t length = sizeof from;
    for (;;) {
      const ssize_t bytes = recvfrom(socket_, question.data(), question.size(), 0,
                                     reinterpret_cast<sockaddr*>(&from), &length);
      if (bytes <= 0) {
        return;
      }
      const auto answer = reply({question.data(), question.data() + bytes});
      sendto(socket_, answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&from),
             length);
    }
  }

  int socket_;
  sockaddr_in address_{};
  std::thread thread_;
};

TEST(DnsWithoutServer, NobodyThereIsToldAtOnce) {
  net::DnsServer nobody;
  {
    const RawServer gone({});
    nobody = gone.server();
  }
  const auto answer = ask_dns("a.test.", DnsType::a, nobody);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "a.test.: no server of DNS is there to be asked");
}

TEST(DnsWithoutServer, AServerThatIsSilentIsGivenUp) {
  const RawServer silent({});
  const auto answer = ask_dns("a.test.", DnsType::a, silent.server());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "a.test.: no server of DNS has answered in time, or would");
}

TEST(DnsWithoutServer, AnAnswerThatIsCutOrForgedIsAnError) {
  const std::vector<std::vector<unsigned char>> endings{
      {},                                                              // a record is missing
      {0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 9, 0, 3, 127, 0, 0},           // an address of three bytes
      {0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 9, 0xff, 0xff, 127, 0, 0, 1},  // longer than the message
  };
  for (const auto& ending : endings) {
    const RawServer forger([&](std::vector<unsigned char> question) {
      question[2] = 0x84;  // an answer, with authority
      question[3] = 0;
      question[7] = 1;   // record
      question[11] = 0;  // and no others
      question.insert(question.end(), ending.begin(), ending.end());
      return question;
    });
    const auto answer = ask_dns("a.test.", DnsType::a, forger.server());
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().message, "a.test.: what came from DNS is no answer");
  }
}

TEST(DnsServerText, AnAddressOfIPv4WithAPortIfNeedBe) {
  EXPECT_EQ(parse_dns_server("127.0.0.1")->port, htons(53));
  EXPECT_EQ(parse_dns_server("127.0.0.1:5353")->port, htons(5353));
  for (const char* const wrong : {"", "localhost", "::1", "127.0.0.1:", "127.0.0.1:0",
                                  "127.0.0.1:65536", "127.0.0.1:1x", "1.2.3"}) {
    EXPECT_FALSE(parse_dns_server(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace heapwatch::net
