// Records in a file, whole and damaged.
#include "exporters/push/record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace heapwatch::exporters::push {
namespace {

class Text final : public RecordBytes {
 public:
  explicit Text(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] std::size_t read(std::uint64_t offset, std::span<char> out) const override {
    if (offset >= text_.size()) {
      return 0;
    }
    return text_.copy(out.data(), out.size(), static_cast<std::size_t>(offset));
  }
  [[nodiscard]] std::uint64_t size() const { return text_.size(); }

 private:
  std::string text_;
};

Batch batch(int i) {
  Batch made;
  made.version = i % 2 == 0 ? Version::v1 : Version::v2;
  made.lane = static_cast<std::uint16_t>(i % 3);
  made.lanes = 3;
  made.samples = static_cast<std::uint32_t>(i + 1);
  made.oldest_ms = -i;
  made.newest_ms = 1'700'000'000'000 + i;
  made.message =
      std::string(static_cast<std::size_t>(i * 37 % 300), static_cast<char>('a' + i % 26));
  return made;
}

std::vector<Batch> all_in(const Text& text) {
  std::vector<Batch> batches;
  std::uint64_t offset = 0;
  while (const auto found = find_record(text, offset, text.size())) {
    offset = found->end;
    if (auto read = read_batch(text, *found)) {
      batches.push_back(std::move(*read));
    }
  }
  return batches;
}

TEST(PushRecord, BatchesComeBackAsTheyWere) {
  std::string text;
  std::vector<Batch> written;
  for (int i = 0; i < 40; ++i) {
    written.push_back(batch(i));
    append_record(text, written.back());
  }
  EXPECT_EQ(all_in(Text(text)), written);
}

TEST(PushRecord, WhatIsCutOffLosesTheLastRecordAlone) {
  std::string text;
  append_record(text, batch(5));
  const std::size_t first = text.size();
  append_record(text, batch(6));
  for (std::size_t length = first; length < text.size(); ++length) {
    EXPECT_EQ(all_in(Text(text.substr(0, length))), std::vector<Batch>{batch(5)}) << length;
  }
}

TEST(PushRecord, OneByteThatIsWrongCostsOneRecord) {
  std::string text;
  std::vector<std::size_t> ends;
  for (int i = 1; i < 12; ++i) {
    append_record(text, batch(i));
    ends.push_back(text.size());
  }
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x41);
    const auto hit = std::upper_bound(ends.begin(), ends.end(), at) - ends.begin();
    std::vector<Batch> expected;
    for (int i = 1; i < 12; ++i) {
      if (i != hit + 1) {
        expected.push_back(batch(i));
      }
    }
    ASSERT_EQ(all_in(Text(damaged)), expected) << at;
  }
}

TEST(PushRecord, RubbishBetweenRecordsIsPassedOver) {
  std::mt19937 random(7);
  std::string text;
  std::vector<Batch> written;
  for (int i = 1; i < 6; ++i) {
    for (int j = 0; j < 100'000; ++j) {
      text += static_cast<char>(random());
    }
    text += "HWrw";  // as a record begins
    written.push_back(batch(i));
    append_record(text, written.back());
  }
  EXPECT_EQ(all_in(Text(text)), written);
}

}  // namespace
}  // namespace heapwatch::exporters::push
