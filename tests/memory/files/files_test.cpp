#include "memory/files/files.h"

#include <gmock/gmock.h>

#include "../process/made_process.h"

namespace heapwatch::memory::files {
namespace {

using heapwatch::tests::MadeProcess;
using process::Range;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// What the loader is said to have, where others have claimed what is theirs.
std::vector<Range> loaders(const MadeProcess& process, const std::vector<Range>& claimed = {}) {
  Picture picture(process.view());
  Found others;
  for (const Range& one : claimed) {
    others.claims.push_back({.begin = one.begin, .end = one.end, .owner = "others"});
  }
  picture.take("others", std::move(others));
  std::vector<Range> ranges;
  for (const Claim& one : find_loader({picture.view(), picture, {}}).claims) {
    EXPECT_EQ(one.owner, "loader");
    ranges.push_back({one.begin, one.end});
  }
  return ranges;
}

/// A mapping of 8 MiB, with the main thread's control block in its last pages but one.
MadeProcess with_control_block() {
  MadeProcess process;
  process.map(0x1000000, 0x1800000, "rw-p")
      .touch(0x1000000, 0x1008000)
      .write(0x17fe740, 0x17fe740)
      .write(0x17fe750, 0x17fe740);
  return process;
}

TEST(Loader, HasThePartThatIsLeftBesideAFile) {
  MadeProcess process;
  process.map(0x1000000, 0x1800000, "rw-p")
      .map(0x1800000, 0x1810000, "r--p", "/lib/x.so", 7)
      .touch(0x17fd000, 0x1800000);
  EXPECT_THAT(loaders(process), IsEmpty()) << "too large";
  EXPECT_THAT(loaders(process, {{0x1000000, 0x17fd000}}), ElementsAre(Range{0x17fd000, 0x1800000}));
  EXPECT_THAT(loaders(process, {{0x1000000, 0x17fd000}, {0x17ff000, 0x1800000}}), IsEmpty());
}

TEST(Loader, HasThePartWithTheControlBlockOfTheMainThread) {
  const MadeProcess process = with_control_block();
  EXPECT_THAT(loaders(process), IsEmpty()) << "too large";
  EXPECT_THAT(loaders(process, {{0x1000000, 0x17fd000}, {0x17ff000, 0x1800000}}),
              ElementsAre(Range{0x17fd000, 0x17ff000}));
}

TEST(Loader, DoesNotHaveWhatOthersClaimed) {
  const MadeProcess process = with_control_block();
  EXPECT_THAT(loaders(process, {{0x1000000, 0x1800000}}), IsEmpty());
}

}  // namespace
}  // namespace heapwatch::memory::files
