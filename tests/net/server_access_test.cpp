#include "net/server_access.h"

#include <crypt.h>
#include <gmock/gmock.h>
#include <openssl/evp.h>

#include <thread>

namespace heapwatch::net {
namespace {

using Answer = ServerUsers::Answer;

std::string hashed(const std::string& password) {
  crypt_data data{};
  return crypt_r(password.c_str(), "$2b$04$abcdefghijklmnopqrstuu", &data);
}

std::string basic(const std::string& text) {
  std::string coded(text.size() * 2 + 8, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(coded.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  coded.resize(static_cast<std::size_t>(size));
  return "Basic " + coded;
}

ServerRequest asking(const std::string& authorization = "") {
  ServerRequest request{.method = "GET", .path = "/", .query = "", .headers = {}, .body = ""};
  if (!authorization.empty()) {
    request.headers.emplace_back("authorization", authorization);
  }
  return request;
}

std::shared_ptr<const ServerUsers> somebody() {
  return std::make_shared<const ServerUsers>(
      std::map<std::string, std::string>{{"ada", hashed("pass:word")}, {"bob", hashed("")}});
}

TEST(ServerUsers, KnowTheirPasswords) {
  const auto users = somebody();
  for (int i = 0; i < 2; ++i) {  // the second time from memory
    EXPECT_EQ(users->may(basic("ada:pass:word")), Answer::yes);
    EXPECT_EQ(users->may(basic("bob:")), Answer::yes);
    EXPECT_EQ(users->may(basic("ada:pass")), Answer::no);
    EXPECT_EQ(users->may(basic("ada:")), Answer::no);
    EXPECT_EQ(users->may(basic("bob:pass:word")), Answer::no);
    EXPECT_EQ(users->may(basic("eve:pass:word")), Answer::no);
  }
  EXPECT_EQ(users->may("bASIC  " + basic("ada:pass:word").substr(6)), Answer::yes);
}

TEST(ServerUsers, TakeNothingForAPasswordThatIsNone) {
  const auto users = somebody();
  const std::string zero("ada:pass:word\0x", 15);
  for (const std::string& wrong :
       {std::string(), std::string("Basic"), std::string("Basic "), std::string("Basic !!!!"),
        std::string("Bearer x"), basic("ada"), basic(zero), "Basic " + std::string(2000, 'A'),
        basic("ada:pass:word") + "AAA", basic("ada:pass:word") + "===="}) {
    EXPECT_EQ(users->may(wrong), Answer::no) << wrong;
  }
}

TEST(ServerUsers, AreNotMixedUpWhenNameAndPasswordAreCutOtherwise) {
  const ServerUsers users({{"a", hashed("bc")}, {"ab", hashed("d")}});
  EXPECT_EQ(users.may(basic("a:bc")), Answer::yes);
  EXPECT_EQ(users.may(basic("ab:c")), Answer::no);
}

TEST(ServerAccess, AsksForAPasswordAndSaysHow) {
  const ServerAccess access({.users = somebody()});
  EXPECT_FALSE(access.refuse(asking(basic("ada:pass:word"))));
  const auto refusal = access.refuse(asking());
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->status, 401);
  EXPECT_EQ(refusal->headers,
            (Headers{{"WWW-Authenticate", "Basic realm=\"heapwatch\", charset=\"UTF-8\""}}));
  EXPECT_FALSE(ServerAccess({}).refuse(asking()));
}

TEST(Guarded, KeepsSecretsFromOtherMachinesAndNothingElse) {
  const auto secrets = [](const ServerRequest& request) { return request.path == "/secret"; };
  const ServerHandler handler = [](const ServerRequest&) { return text_reply(200, "here"); };
  ServerRequest secret = asking();
  secret.path = "/secret";
  EXPECT_EQ(guarded(handler, nullptr, secrets, true)(secret).status, 200);
  EXPECT_EQ(guarded(handler, nullptr, secrets, false)(secret).status, 403);
  EXPECT_EQ(guarded(handler, nullptr, secrets, false)(asking()).status, 200);
  // A password that everybody on the way can read guards nothing.
  const auto plain = std::make_shared<const ServerAccess>(ServerAccess::Rules{.users = somebody()});
  secret.headers = asking(basic("ada:pass:word")).headers;
  EXPECT_EQ(guarded(handler, plain, secrets, false)(secret).status, 403);
  EXPECT_EQ(guarded(handler, plain, secrets, true)(secret).status, 200);
}

TEST(Guarded, SendsTheHeadersOfTheRules) {
  const auto access = std::make_shared<const ServerAccess>(
      ServerAccess::Rules{.headers = {{"X-Frame-Options", "deny"}}});
  const ServerHandler handler = [](const ServerRequest&) { return text_reply(200, "here"); };
  EXPECT_THAT(guarded(handler, access, nullptr, true)(asking()).headers,
              testing::ElementsAre(testing::Pair("X-Frame-Options", "deny")));
}

}  // namespace
}  // namespace heapwatch::net
