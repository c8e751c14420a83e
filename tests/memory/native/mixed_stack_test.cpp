#include "memory/native/mixed_stack.h"

#include <gmock/gmock.h>

namespace heapwatch::memory::native {
namespace {

using testing::ElementsAre;

constexpr std::uintptr_t frame(std::size_t number) {
  return interpreted_bit | number;
}
constexpr std::uintptr_t marker = frame(99);
constexpr std::uintptr_t loop = 0x1100;      // a call from the loop
constexpr std::uintptr_t internal = 0x1900;  // from elsewhere in the interpreter
constexpr std::uintptr_t copy_row = 0x5000;
constexpr std::uintptr_t main_function = 0x6000;

const InterpreterCode code{
    .loop = {0x1000, 0x1200}, .plumbing = {{0x1000, 0x2000}}, .marker = marker};

TEST(MixedStack, CodeReplacesTheInterpreterThatRunsIt) {
  const StackParts parts{.native = {copy_row, internal, loop, internal, main_function},
                         .interpreted = {{frame(1)}, {frame(2), true}}};
  EXPECT_THAT(mixed_stack(parts, code), ElementsAre(copy_row, frame(1), frame(2), main_function));
}

TEST(MixedStack, EachCallOfTheLoopTakesTheFramesUpToItsEntry) {
  const StackParts parts{
      .native = {internal, loop, copy_row, internal, loop, main_function},
      .interpreted = {{frame(1), true}, {frame(2)}, {frame(3)}, {frame(4), true}}};
  EXPECT_THAT(mixed_stack(parts, code),
              ElementsAre(frame(1), copy_row, frame(2), frame(3), frame(4), main_function));
}

TEST(MixedStack, TheInnermostLoopMayBeWithoutAFrameYet) {
  const StackParts parts{.native = {internal, loop, copy_row, loop, main_function},
                         .interpreted = {{frame(1), true}}};
  EXPECT_THAT(mixed_stack(parts, code), ElementsAre(copy_row, frame(1), main_function));
}

TEST(MixedStack, OfAStackThatWasCutTheInnermostPartsMeet) {
  const StackParts parts{.native = {internal, loop, copy_row, loop},
                         .native_is_cut = true,
                         .interpreted = {{frame(1), true}, {frame(2), true}, {frame(3), true}}};
  EXPECT_THAT(mixed_stack(parts, code),
              ElementsAre(frame(1), copy_row, frame(2), marker, frame(3)));
}

TEST(MixedStack, CodeWithoutACallOfTheLoopFollowsAMarker) {
  const StackParts parts{.native = {copy_row, main_function}, .interpreted = {{frame(1), true}}};
  EXPECT_THAT(mixed_stack(parts, code), ElementsAre(copy_row, main_function, marker, frame(1)));
}

TEST(MixedStack, MoreCodeThanCallsOfTheLoopFollowsAMarkerToo) {
  const StackParts parts{.native = {copy_row, loop, main_function},
                         .interpreted = {{frame(1), true}, {frame(2), true}}};
  EXPECT_THAT(mixed_stack(parts, code),
              ElementsAre(copy_row, marker, frame(1), frame(2), main_function));
}

TEST(MixedStack, WithoutPlumbingToHideAllNativeFramesStay) {
  const StackParts parts{.native = {internal, loop, internal, main_function},
                         .interpreted = {{frame(1), true}}};
  EXPECT_THAT(mixed_stack(parts, {.loop = code.loop, .plumbing = {}, .marker = marker}),
              ElementsAre(internal, frame(1), internal, main_function));
}

TEST(MixedStack, WithoutCodeTheNativeStackIsAsItWas) {
  const StackParts parts{.native = {internal, loop, main_function}, .interpreted = {}};
  EXPECT_THAT(mixed_stack(parts, code), ElementsAre(internal, loop, main_function));
}

}  // namespace
}  // namespace heapwatch::memory::native
