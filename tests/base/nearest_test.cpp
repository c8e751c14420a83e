#include "base/nearest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace heapwatch::base {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(NearestNames, PutsTheClosestFirst) {
  constexpr std::array<std::string_view, 3> known{"namespace", "name", "metrics"};
  EXPECT_THAT(nearest_names("namspace", known), ElementsAre("namespace"));
  EXPECT_THAT(nearest_names("Metircs", known), ElementsAre("metrics"));
}

TEST(NearestNames, NamesEachOnce) {
  constexpr std::array<std::string_view, 2> known{"namespace", "namespace"};
  EXPECT_THAT(nearest_names("namspace", known), ElementsAre("namespace"));
}

TEST(NearestNames, IsSilentAboutWhatNobodyMeant) {
  constexpr std::array<std::string_view, 2> known{"tags", "timeout"};
  EXPECT_THAT(nearest_names("headers", known), IsEmpty());
  EXPECT_THAT(nearest_names("", known), IsEmpty());
}

TEST(DidYouMean, ListsSeveralInASentence) {
  constexpr std::array<std::string_view, 2> known{"HeapInuse", "HeapIdle"};
  EXPECT_EQ(did_you_mean("heapinus", known), "; did you mean \"HeapInuse\"?");
  EXPECT_EQ(did_you_mean("HeapI", known), "; did you mean \"HeapInuse\" or \"HeapIdle\"?");
  EXPECT_EQ(did_you_mean("xyz", known), "");
}

}  // namespace
}  // namespace heapwatch::base
