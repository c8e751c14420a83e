// Messages of both versions; tests/exporters/remote_write/messages_test.py has them decoded by
// others.
#include "exporters/remote_write/encoder.h"

#include <gtest/gtest.h>

#include <bit>
#include <string>

#include "decoded.h"
#include "exporters/remote_write/transcode.h"

namespace heapwatch::exporters::remote_write {
namespace {

std::uint64_t bits(double value) {
  return std::bit_cast<std::uint64_t>(value);
}

struct Made {
  LabelBytes labels;
  SeriesName name;
  Metadata metadata;
  [[nodiscard]] Line line(double value, std::int64_t time_ms) const {
    return {.before_name = labels.before_name(),
            .name = name.label(),
            .after_name = labels.after_name(),
            .metadata = &metadata,
            .value_bits = bits(value),
            .time_ms = time_ms};
  }
};

Made made(const std::string& name, const prometheus::Labels& labels) {
  return {LabelBytes(labels),
          SeriesName(name),
          {.family = name, .help = "help of " + name, .type = MetadataType::gauge}};
}

TEST(RemoteWriteLabels, TheNameStandsWhereItsOrderPutsIt) {
  Encoder encoder;
  encoder.add(
      made("up", {{"Zone", "z"}, {"_x", "1"}, {"__replica__", "r"}, {"a", "b"}}).line(1, 7));
  const auto samples = decoded_v1(encoder.take());
  ASSERT_EQ(samples.size(), 1U);
  EXPECT_EQ(samples[0].series, R"({Zone="z",__name__="up",__replica__="r",_x="1",a="b"})");
}

TEST(RemoteWriteLabels, LabelsWithoutAValueAreLeftOutAndBytesThatAreNoUtf8AreReplaced) {
  Encoder encoder;
  encoder.add(made("up", {{"a", ""}, {"b", "x\xff"}}).line(1, 7));
  EXPECT_EQ(decoded_v1(encoder.take())[0].series, "{__name__=\"up\",b=\"x\xef\xbf\xbd\"}");
}

TEST(RemoteWriteEncoder, AMessageOfVersion1HasTheBytesOfTheSpecification) {
  Encoder encoder;
  encoder.add(made("up", {{"a", "b"}}).line(1.0, 300));
  const std::string expected =
      std::string("\x0a\x26\x0a\x0e\x0a\x08__name__\x12\x02up\x0a\x06\x0a\x01", 22) + "a\x12\x01" +
      "b" + std::string("\x12\x0c\x09\0\0\0\0\0\0\xf0\x3f\x10\xac\x02", 14);
  EXPECT_EQ(encoder.take(), expected);
}

TEST(RemoteWriteEncoder, AMessageOfVersion2HasEachTextOnce) {
  Encoder encoder(Version::v2);
  encoder.add(made("up", {{"a", "b"}}).line(1.0, 300));
  encoder.add(made("up", {{"a", "c"}}).line(2.0, 300));
  EXPECT_EQ(encoder.samples(), 2U);
  const std::string message = encoder.take();
  EXPECT_EQ(message.find("__name__"), message.rfind("__name__"));
  EXPECT_EQ(message.substr(0, 2), std::string("\x22\0", 2));  // symbols begin with the empty one
  EXPECT_TRUE(encoder.empty());
}

TEST(RemoteWriteEncoder, ANewMessageOfVersion2HasSymbolsOfItsOwn) {
  Encoder encoder(Version::v2);
  encoder.add(made("up", {{"a", "b"}}).line(1.0, 300));
  const std::string first = encoder.take();
  encoder.add(made("up", {{"a", "b"}}).line(1.0, 300));
  EXPECT_EQ(encoder.take(), first);
}

TEST(RemoteWriteTranscode, SamplesSurviveBothWays) {
  Encoder encoder;
  for (int i = 0; i < 50; ++i) {
    encoder.add(made("m" + std::to_string(i % 7), {{"A", "x"}, {"i", std::to_string(i)}})
                    .line(i * 0.1, 1'700'000'000'000 + i));
  }
  encoder.add(Line{.name = SeriesName("gone").label(), .value_bits = stale_bits, .time_ms = -5});
  const std::string one = encoder.take();
  const auto two = transcoded(one, Version::v1, Version::v2);
  ASSERT_TRUE(two.has_value());
  EXPECT_LT(two->size(), one.size());
  EXPECT_EQ(transcoded(*two, Version::v2, Version::v1).value(), one);
}

TEST(RemoteWriteTranscode, DamagedMessagesAreRefused) {
  Encoder encoder(Version::v2);
  encoder.add(made("up", {{"a", "b"}}).line(1.0, 300));
  const std::string message = encoder.take();
  int refused = 0;
  for (std::size_t length = 1; length < message.size(); ++length) {
    refused += transcoded(message.substr(0, length), Version::v2, Version::v1) ? 0 : 1;
  }
  EXPECT_GT(refused, 10);
  // A reference to a symbol that is not there.
  const std::string wild("\x22\0\x2a\x04\x0a\x02\x01\x02", 8);
  EXPECT_EQ(transcoded(wild, Version::v2, Version::v1).error().message,
            "the message names a symbol that it does not have");
}

TEST(RemoteWriteCompression, ALengthThatLiesIsRefusedBeforeMemoryIsTaken) {
  const auto refused = decompressed(std::string("\xff\xff\xff\xff\x0f", 5));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, base::ErrorKind::limit);
  EXPECT_FALSE(decompressed("").has_value());
  EXPECT_EQ(decompressed(compressed("text")).value(), "text");
}

}  // namespace
}  // namespace heapwatch::exporters::remote_write
