// The rules of answers, each with the outcome that the specification demands.
#include "exporters/remote_write/answer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace heapwatch::exporters::remote_write {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

net::HttpResult response(int status, net::Headers headers = {}, std::string body = {}) {
  net::HttpResponse made;
  made.status = status;
  made.headers = std::move(headers);
  made.body = std::move(body);
  return made;
}

base::Instant noon() {
  return {std::chrono::system_clock::from_time_t(784'111'777), {}};  // 6 Nov 1994, 08:49:37
}

Outcome outcome(const net::HttpResult& result, Version version, bool is_proven = true,
                bool retry_on_429 = true) {
  return judge(result, version, {.is_proven = is_proven, .retry_on_429 = retry_on_429}, noon())
      .outcome;
}

TEST(RemoteWriteAnswer, EachStatusHasItsOutcome) {
  for (const int status : {200, 202, 204, 299}) {
    EXPECT_EQ(outcome(response(status), Version::v1), Outcome::taken) << status;
  }
  for (const int status : {500, 501, 502, 503, 504, 599, 429}) {
    EXPECT_EQ(outcome(response(status), Version::v1), Outcome::retry) << status;
    EXPECT_EQ(outcome(response(status), Version::v2, false), Outcome::retry) << status;
  }
  for (const int status : {100, 301, 400, 401, 403, 404, 408, 409, 413, 422, 499}) {
    EXPECT_EQ(outcome(response(status), Version::v1), Outcome::refused) << status;
  }
  EXPECT_EQ(outcome(response(429), Version::v1, true, false), Outcome::refused);
  EXPECT_EQ(outcome(base::fail(base::ErrorKind::timeout, "late"), Version::v1), Outcome::retry);
}

TEST(RemoteWriteAnswer, AReceiverThatDoesNotKnowAVersionIsSentTheOther) {
  EXPECT_EQ(outcome(response(415), Version::v1), Outcome::other_version);
  EXPECT_EQ(outcome(response(415), Version::v2), Outcome::other_version);
  // A receiver of 1.0 decodes nothing of 2.0, and is content, or not.
  EXPECT_EQ(outcome(response(200), Version::v2, false), Outcome::other_version);
  EXPECT_EQ(outcome(response(400), Version::v2, false), Outcome::other_version);
  // One that counts what it has written knows 2.0.
  const net::Headers counts{{"x-prometheus-remote-write-samples-written", "3"}};
  EXPECT_EQ(outcome(response(204, counts), Version::v2, false), Outcome::taken);
  EXPECT_EQ(outcome(response(400, counts), Version::v2, false), Outcome::refused);
  EXPECT_EQ(outcome(response(400), Version::v2, true), Outcome::refused);
}

TEST(RemoteWriteAnswer, WhatWasWrittenIsReadAndWhatIsSaidIsCutAndFitToBeRead) {
  const Answer answer = judge(response(400, {{"x-prometheus-remote-write-samples-written", " 12 "}},
                                       "out of\norder\x1b[0m" + std::string(2000, 'x')),
                              Version::v2, {}, noon());
  EXPECT_EQ(answer.written_samples, 12U);
  EXPECT_EQ(answer.problem.substr(0, 48), "it answers 400 Bad Request: out of\\norder\\x1b[0m");
  EXPECT_LT(answer.problem.size(), 600U);
}

TEST(RemoteWriteAnswer, RetryAfterIsSecondsOrADate) {
  EXPECT_EQ(push::parse_retry_after("7", noon()), seconds(7));
  EXPECT_EQ(push::parse_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", noon()), seconds(60));
  EXPECT_EQ(push::parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", noon()), std::nullopt);
  EXPECT_EQ(push::parse_retry_after("99999999999999999999", noon()), std::nullopt);
  EXPECT_EQ(push::parse_retry_after("999999", noon()), std::chrono::hours(1));
  EXPECT_EQ(push::parse_retry_after("soon", noon()), std::nullopt);
  EXPECT_EQ(push::parse_retry_after("-3", noon()), std::nullopt);
  EXPECT_EQ(push::parse_retry_after("", noon()), std::nullopt);
  EXPECT_EQ(judge(response(503, {{"retry-after", "9"}}), Version::v1, {}, noon()).retry_after,
            milliseconds(9000));
}

}  // namespace
}  // namespace heapwatch::exporters::remote_write
