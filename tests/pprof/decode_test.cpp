#include "pprof/decode.h"

#include <gmock/gmock.h>

#include <string>

#include "pprof/encode.h"
#include "pprof/gunzip.h"
#include "pprof/parse.h"

namespace heapwatch::pprof {
namespace {

using Kind = DecodeError::Kind;

/// A field with a number, or one with bytes.
std::string number(int field, int value) {
  return {static_cast<char>(field << 3), static_cast<char>(value)};
}
std::string bytes(int field, const std::string& value) {
  return std::string{static_cast<char>(field << 3 | 2), static_cast<char>(value.size())} + value;
}

/// "", "space", "bytes", "main"; one type; one function, location and sample of 7.
std::string small_profile() {
  return bytes(1, number(1, 1) + number(2, 2)) + bytes(2, number(1, 1) + number(2, 7)) +
         bytes(4, number(1, 1) + bytes(4, number(1, 1) + number(2, 3))) +
         bytes(5, number(1, 1) + number(2, 3)) + bytes(6, "") + bytes(6, "space") +
         bytes(6, "bytes") + bytes(6, "main");
}

std::string error_of(const std::string& input) {
  const auto profile = parse_profile(input, {});
  return profile ? "none" : profile.error().message;
}

TEST(Decode, ReadsAProfileIntoFlatArrays) {
  const auto profile = decode_proto(small_profile(), false);
  ASSERT_TRUE(profile.has_value());
  EXPECT_EQ(profile->samples.size(), 1U);
  EXPECT_THAT(profile->samples.values(0), testing::ElementsAre(7));
  const Location& location = profile->locations[profile->samples.frames(0)[0]];
  const Line& line = profile->lines_of(location)[0];
  EXPECT_EQ(profile->text(profile->functions[line.function].name), "main");
  EXPECT_EQ(line.line, 3);
}

TEST(Decode, EncodesWhatItReadWithTheDefaultTypeAlwaysWritten) {
  const auto profile = decode_proto(small_profile(), false);
  ASSERT_TRUE(profile.has_value());
  EXPECT_EQ(encode_proto(*profile), small_profile() + number(14, 0));
}

TEST(Decode, ReadsGzipOfSeveralMembers) {
  const std::string whole = small_profile();
  const std::string two = gzip(whole.substr(0, 10)) + gzip(whole.substr(10));
  const auto profile = parse_profile(two, {});
  ASSERT_TRUE(profile.has_value());
  EXPECT_EQ(profile->samples.size(), 1U);
}

TEST(Decode, RefusesABombAtTheLimit) {
  const std::string bomb = gzip(std::string(1 << 20, '\0'));
  const auto profile = parse_profile(bomb, {.bytes_max = 1 << 16});
  ASSERT_FALSE(profile.has_value());
  EXPECT_EQ(profile.error(),
            (base::Error{base::ErrorKind::limit,
                         "decompressing profile: more than 65536 bytes (-profile_bytes_max)"}));
}

TEST(Decode, TakesAFileOfJustTheLimitsSize) {
  const std::string whole = small_profile();
  EXPECT_TRUE(parse_profile(gzip(whole), {.bytes_max = whole.size()}).has_value());
  EXPECT_FALSE(parse_profile(gzip(whole), {.bytes_max = whole.size() - 1}).has_value());
}

TEST(Decode, TellsWhatIsWrong) {
  const std::string whole = small_profile();
  const std::string strings = bytes(6, "") + bytes(6, "space");
  EXPECT_EQ(error_of(""), "parsing profile: empty input file");
  EXPECT_EQ(error_of(gzip(whole).substr(0, 30)),
            "decompressing profile: the gzip data is damaged or cut short");
  EXPECT_EQ(error_of(whole.substr(0, whole.size() - 1)),
            "parsing profile: unrecognized profile format (as profile.proto: too much data)");
  EXPECT_EQ(error_of(whole + std::string("\x48\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")),
            "parsing profile: unrecognized profile format (as profile.proto: bad varint)");
  EXPECT_EQ(error_of(bytes(9, "x")),
            "parsing profile: unrecognized profile format (as profile.proto: type mismatch)");
  EXPECT_EQ(error_of(bytes(6, "x")),
            "parsing profile: unrecognized profile format (as profile.proto: "
            "string_table[0] must be '')");
  EXPECT_EQ(error_of(bytes(1, number(1, 9)) + strings),
            "parsing profile: unrecognized profile format (as profile.proto: "
            "malformed profile format: string 9 of a table of 2)");
  EXPECT_EQ(error_of(whole + number(9, 1) + number(9, 1)),
            "parsing profile: concatenated profiles detected");
}

TEST(Decode, TellsWhatIsInconsistent) {
  const std::string strings = bytes(6, "") + bytes(6, "space");
  const std::string type = bytes(1, number(1, 1));
  EXPECT_EQ(error_of(bytes(2, "") + strings), "malformed profile: missing sample type information");
  EXPECT_EQ(error_of(type + bytes(2, number(2, 1) + number(2, 1)) + strings),
            "malformed profile: mismatch: sample has 2 values vs. 1 types");
  EXPECT_EQ(error_of(type + bytes(2, number(1, 5) + number(2, 1)) + strings),
            "malformed profile: sample has nil location");
  EXPECT_EQ(error_of(bytes(3, "") + strings),
            "malformed profile: found mapping with reserved ID=0");
  EXPECT_EQ(error_of(bytes(3, number(1, 4)) + bytes(3, number(1, 4)) + strings),
            "malformed profile: multiple mappings with same id: 4");
  EXPECT_EQ(error_of(bytes(5, "") + strings),
            "malformed profile: found function with reserved ID=0");
  EXPECT_EQ(error_of(bytes(4, "") + strings),
            "malformed profile: found location with reserved id=0");
  EXPECT_EQ(error_of(bytes(4, number(1, 2) + bytes(4, number(1, 8))) + strings),
            "malformed profile: location id: 2 has a line with nil function");
}

}  // namespace
}  // namespace heapwatch::pprof
