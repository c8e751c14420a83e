#include "metrics/context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace heapwatch::metrics {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Context, HasItsTagsSortedAndEachOnce) {
  const Context context =
      make_context({.name = "n", .tags = {"b:2", "", "a", "b:2"}, .host = "h", .help = "why"});
  EXPECT_EQ(context.name(), "n");
  EXPECT_EQ(context.help(), "why");
  EXPECT_EQ(context.host(), "h");
  EXPECT_THAT(context.tags(), ElementsAre("", "a", "b:2"));
  EXPECT_EQ(context.tags().size(), 3U);
  EXPECT_THAT(context.tags().copy(), ElementsAre("", "a", "b:2"));
  for (const std::string_view tag : context.tags()) {
    EXPECT_EQ(tag.data()[tag.size()], '\0');
  }
}

TEST(Context, TellsNoHostFromAnEmptyOneAndFromATag) {
  const auto with = [](Tags tags, std::optional<std::string> host) {
    return make_context(
        {.name = "n", .tags = std::move(tags), .host = std::move(host), .help = {}});
  };
  const Context none = with({}, std::nullopt);
  const Context empty = with({}, "");
  const Context tag = with({""}, std::nullopt);
  EXPECT_EQ(none.host(), std::nullopt);
  EXPECT_THAT(none.tags(), IsEmpty());
  EXPECT_EQ(empty.host(), "");
  EXPECT_THAT(empty.tags(), IsEmpty());
  EXPECT_FALSE(none.same_series(empty));
  EXPECT_FALSE(empty.same_series(tag));
  EXPECT_TRUE(empty.same_series(with({}, "")));
}

TEST(Context, IsOfTheSameSeriesWhateverItsHelp) {
  const Context a = make_context({.name = "n", .tags = {"t"}, .host = {}, .help = "a"});
  const Context b = make_context({.name = "n", .tags = {"t"}, .host = {}, .help = "b"});
  EXPECT_TRUE(a.same_series(b));
  EXPECT_EQ(a.hash(), b.hash());
  EXPECT_FALSE(a == b);
  EXPECT_EQ(a, make_context({.name = "n", .tags = {"t", "t"}, .host = {}, .help = "a"}));
  EXPECT_FALSE(Context());
}

}  // namespace
}  // namespace heapwatch::metrics
