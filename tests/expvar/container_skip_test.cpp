#include "expvar/container_skip.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace heapwatch::expvar {
namespace {

constexpr std::size_t deep = 256;
constexpr auto npos = std::string_view::npos;

/// The same, one character after the other.
std::size_t reference(std::string_view text, bool is_array) {
  std::string open(1, is_array ? '[' : '{');
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '\\') {
      return npos;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      open.push_back(c);
    } else if (c == '}' || c == ']') {
      if (open.back() != (c == '}' ? '{' : '[')) {
        return npos;
      }
      open.pop_back();
      if (open.empty()) {
        return i;
      }
    }
  }
  return npos;
}

TEST(EndOfContainer, FindsTheClosingBracketWhereverItStands) {
  for (std::size_t before = 0; before < 200; ++before) {
    const std::string text = std::string(before, ' ') + "}, \"next\": {}}";
    EXPECT_EQ(end_of_container(text, false, deep), before);
  }
}

TEST(EndOfContainer, BracketsInStringsAndEscapedQuotesDoNotCount) {
  for (std::size_t before = 0; before < 130; ++before) {
    const std::string text =
        std::string(before, ' ') + R"("a}]\"}\\": "]", "\\\"}": [{"x": "}"}]})";
    EXPECT_EQ(end_of_container(text, false, deep), text.size() - 1) << before;
  }
}

TEST(EndOfContainer, RefusesWhatDoesNotBalance) {
  EXPECT_EQ(end_of_container("", false, deep), npos);
  EXPECT_EQ(end_of_container("]", false, deep), npos);
  EXPECT_EQ(end_of_container("[}", false, deep), npos);
  EXPECT_EQ(end_of_container("{}", false, deep), npos);
  EXPECT_EQ(end_of_container("\"}", false, deep), npos);
  EXPECT_EQ(end_of_container("\\}", false, deep), npos);
  EXPECT_EQ(end_of_container("}\\", false, deep), 0U);
  EXPECT_EQ(end_of_container("\"\\\"}", false, deep), npos);
}

TEST(EndOfContainer, RefusesWhatIsNestedTooDeep) {
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '[') + std::string(levels + 1, ']');
  };
  EXPECT_EQ(end_of_container(nested(10), true, 10), 20U);
  EXPECT_EQ(end_of_container(nested(11), true, 10), npos);
  EXPECT_EQ(end_of_container(nested(100'000), true, 1'000'000), npos);
}

TEST(EndOfContainer, AgreesWithTheSlowWayOnRandomText) {
  std::mt19937 random(7);
  const std::string alphabet = R"({}[]"\\ ,:a1)";
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    const std::size_t size = random() % 300;
    // Mostly closed again, so that ends are far away too.
    for (std::size_t i = 0; i < size; ++i) {
      text += random() % 4 == 0 ? alphabet[random() % alphabet.size()] : 'x';
    }
    const bool is_array = random() % 2 == 0;
    ASSERT_EQ(end_of_container(text, is_array, deep), reference(text, is_array)) << text;
  }
}

}  // namespace
}  // namespace heapwatch::expvar
