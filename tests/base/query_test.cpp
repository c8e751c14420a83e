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

}  // namespace
}  // namespace heapwatch::base
