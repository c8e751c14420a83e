// What is sent again, what is given up, and what a receiver takes in part.
#include "exporters/otlp/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace heapwatch::exporters::otlp {
namespace {

using push::Answer;
using push::Outcome;

Answer judged(int status, const std::string& body = "", net::Headers headers = {},
              bool retry_on_429 = true) {
  net::HttpResponse response;
  response.status = status;
  response.body = body;
  response.headers = std::move(headers);
  return judge(response, push::Version::v1, {.retry_on_429 = retry_on_429}, base::now());
}

TEST(OtlpAnswer, OnlyWhatTheSpecificationNamesIsSentAgain) {
  for (const int status : {429, 502, 503, 504}) {
    EXPECT_EQ(judged(status).outcome, Outcome::retry) << status;
  }
  for (const int status : {400, 401, 404, 413, 415, 500, 501, 301}) {
    EXPECT_EQ(judged(status).outcome, Outcome::refused) << status;
  }
  for (const int status : {200, 202}) {
    EXPECT_EQ(judged(status).outcome, Outcome::taken) << status;
  }
  EXPECT_EQ(judged(429, "", {}, false).outcome, Outcome::refused);
  EXPECT_EQ(judge(base::fail(base::ErrorKind::io, "no route"), push::Version::v1, {}, base::now())
                .outcome,
            Outcome::retry);
}

TEST(OtlpAnswer, TheReceiverSaysWhen) {
  EXPECT_EQ(judged(503, "", {{"retry-after", "7"}}).retry_after, std::chrono::seconds(7));
  EXPECT_EQ(judged(503).retry_after, std::chrono::seconds(0));
  EXPECT_THAT(judged(503, "over quota").problem, testing::HasSubstr("503"));
  EXPECT_THAT(judged(503, "over quota").problem, testing::HasSubstr("over quota"));
}

TEST(OtlpAnswer, WhatIsTakenInPartIsCountedAndTold) {
  const std::string partial("\x0a\x08\x08\x03\x12\x04why?", 10);  // 3 rejected
  const Answer answer = judged(200, partial);
  EXPECT_EQ(answer.outcome, Outcome::taken);
  EXPECT_EQ(answer.rejected_samples, 3U);
  EXPECT_EQ(answer.problem, "why?");
}

TEST(OtlpAnswer, ABodyThatIsNoneSaysNothing) {
  for (const std::string& body :
       {std::string("{\"partialSuccess\":{}}"), std::string("\x0a\xff", 2),
        std::string(100, '\xff'),
        std::string("\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13)}) {  // -1 rejected
    EXPECT_EQ(judged(200, body).outcome, Outcome::taken);
    EXPECT_EQ(judged(200, body).rejected_samples, 0U);
  }
}

}  // namespace
}  // namespace heapwatch::exporters::otlp
