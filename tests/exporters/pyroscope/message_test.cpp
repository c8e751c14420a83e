// Messages byte for byte, and what answers mean. They are decoded by others in
// tests/e2e/pyroscope_test.py.
#include "exporters/pyroscope/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace heapwatch::exporters::pyroscope::tests {
namespace {

using push::Outcome;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Ready ready(prometheus::Labels labels = {{"zone", "eu,1"}}) {
  return {.service = "shop:80",
          .spy = "gospy",
          .labels = std::move(labels),
          .from = std::chrono::system_clock::time_point(std::chrono::seconds(1000)),
          .until = std::chrono::system_clock::time_point(std::chrono::seconds(1060)),
          .profile = "PROFILE"};
}

TEST(PyroscopeMessage, APushIsASeriesWithSortedLabelsAndOneProfile) {
  const std::string message = message_of(ready({{"zone", "e"}}), Api::push);
  EXPECT_EQ(message, std::string("\x0a\x57"
                                 "\x0a\x12\x0a\x09__delta__\x12\x05"
                                 "false"
                                 "\x0a\x12\x0a\x08__name__\x12\x06memory"
                                 "\x0a\x17\x0a\x0cservice_name\x12\x07shop:80"
                                 "\x0a\x09\x0a\x04zone\x12\x01"
                                 "e"
                                 "\x12\x09\x0a\x07PROFILE"));
  EXPECT_EQ(path_of(Api::push), "/push.v1.PusherService/Push");
  EXPECT_EQ(protocol_of(Api::push).unpack, nullptr);
}

TEST(PyroscopeMessage, AnIngestIsAQueryAndAProfile) {
  net::HttpRequest request;
  request.url = "http://a/ingest";
  request.body = message_of(ready(), Api::ingest);
  protocol_of(Api::ingest).unpack(request);
  EXPECT_EQ(request.url,
            "http://a/ingest?name=shop_80%7Bzone%3Deu_1%7D&from=1000&until=1060&spyName=gospy"
            "&format=pprof");
  EXPECT_EQ(request.body, "PROFILE");
  EXPECT_EQ(path_of(Api::ingest), "/ingest");
}

TEST(PyroscopeMessage, WithoutLabelsTheNameIsTheService) {
  EXPECT_THAT(message_of(ready({}), Api::ingest), StartsWith("name=shop_80&from=1000&"));
}

TEST(PyroscopeMessage, AFormSaysWhatValuesMeanAndNamesNoFormat) {
  net::HttpRequest request;
  request.body = message_of(ready(), Api::ingest_form);
  protocol_of(Api::ingest_form).unpack(request);
  EXPECT_THAT(request.url, EndsWith("&spyName=gospy"));
  const std::string type = protocol_of(Api::ingest_form).headers(push::Version::v1)[0].second;
  const std::string boundary = "--" + type.substr(type.find('=') + 1);
  EXPECT_THAT(request.body, StartsWith(boundary + "\r\n"));
  EXPECT_THAT(request.body, HasSubstr("name=\"profile\"; filename=\"profile\"\r\n\r\nPROFILE\r\n"));
  EXPECT_THAT(request.body,
              HasSubstr(R"("inuse_space":{"units":"bytes","aggregation":"average"})"));
  EXPECT_THAT(request.body, EndsWith(boundary + "--\r\n"));
}

TEST(PyroscopeMessage, OnlyTroubleOfTheMomentIsTriedAgain) {
  const auto judged = [](int status, bool retry_on_429 = true, net::Headers headers = {}) {
    net::HttpResponse response;
    response.status = status;
    response.headers = std::move(headers);
    return judge(response, push::Version::v1, {.retry_on_429 = retry_on_429}, base::now());
  };
  for (const int status : {429, 500, 502, 503, 504}) {
    EXPECT_EQ(judged(status).outcome, Outcome::retry) << status;
  }
  for (const int status : {301, 400, 401, 403, 404, 413, 415, 422}) {
    EXPECT_EQ(judged(status).outcome, Outcome::refused) << status;
  }
  EXPECT_EQ(judged(200).outcome, Outcome::taken);
  EXPECT_EQ(judged(429, false).outcome, Outcome::refused);
  EXPECT_EQ(judged(429, true, {{"retry-after", "7"}}).retry_after, std::chrono::seconds(7));
  EXPECT_EQ(judge(base::fail(base::ErrorKind::io, "no route"), push::Version::v1, {}, base::now())
                .outcome,
            Outcome::retry);
}

}  // namespace
}  // namespace heapwatch::exporters::pyroscope::tests
