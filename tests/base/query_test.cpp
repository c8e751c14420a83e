// Queries of URLs, taken apart.
#include "base/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace heapwatch::base {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(Query, IsDecoded) {
  EXPECT_THAT(parse_query("f=a%7Cb+c&n=5&&empty&x=%zz&y=%4&%6b=v=w"),
              ElementsAre(Pair("f", "a|b c"), Pair("n", "5"), Pair("empty", ""), Pair("x", "%zz"),
                          Pair("y", "%4"), Pair("k", "v=w")));
  EXPECT_THAT(parse_query(""), IsEmpty());
}

TEST(Query, GivesTheFirstValueOfAKey) {
  EXPECT_EQ(query_value("a=1&%62=2&b=3&c", "b"), "2");
  EXPECT_EQ(query_value("a=1&c", "c"), "");
  EXPECT_EQ(query_value("a=1&c", "d"), std::nullopt);
}

TEST(Query, GivesWholeNumbersWithinBounds) {
  const QueryNumber number{.absent = 7, .least = -2, .most = 10};
  EXPECT_EQ(query_number("a=1", "n", number), 7);
  EXPECT_EQ(query_number("n=-2", "n", number), -2);
  EXPECT_EQ(query_number("n=10&n=11", "n", number), 10);
  for (const std::string text :
       {"11", "-3", "", "1.5", "x", "+1", " 1", "1e1", "0x1", "99999999999999999999"}) {
    const auto wrong = query_number("n=" + text, "n", number);
    ASSERT_FALSE(wrong) << text;
    EXPECT_EQ(wrong.error().kind, ErrorKind::invalid);
  }
  EXPECT_EQ(query_number("n=11", "n", number).error().message,
            "n must be a whole number from -2 to 10, not \"11\"");
}

}  // namespace
}  // namespace heapwatch::base
