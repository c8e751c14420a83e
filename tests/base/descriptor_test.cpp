#include "base/descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <utility>

namespace heapwatch::base {
namespace {

bool is_open(int number) {
  return fcntl(number, F_GETFD) >= 0;
}

TEST(Descriptor, IsClosedWithItsOwner) {
  int number = -1;
  {
    const Descriptor owner(open("/dev/null", O_RDONLY | O_CLOEXEC));
    number = owner.get();
    EXPECT_TRUE(owner);
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(Descriptor, HasOneOwner) {
  Descriptor first(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int number = first.get();
  Descriptor second(std::move(first));
  EXPECT_EQ(second.get(), number);
  EXPECT_EQ(second.release(), number);
  EXPECT_FALSE(second);
  EXPECT_TRUE(is_open(number));
  close(number);
}

TEST(Descriptor, OnlyAnOwnOneIsClosedInTheChildOfAFork) {
  const Descriptor plain(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const OwnDescriptor own(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const pid_t child = fork();
  if (child == 0) {
    close_owned_descriptors();
    _exit(is_open(plain.get()) && !is_open(own.get()) ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(is_open(own.get()));
}

TEST(Pipe, EndsForItsReaderWhenTheWriterIsClosed) {
  auto pipe = make_pipe();
  ASSERT_TRUE(pipe);
  ASSERT_EQ(write(pipe->writer.get(), "ab", 2), 2);
  pipe->writer.reset();
  std::array<char, 8> bytes{};
  EXPECT_EQ(read(pipe->reader.get(), bytes.data(), bytes.size()), 2);
  EXPECT_EQ(read(pipe->reader.get(), bytes.data(), bytes.size()), 0);
}

}  // namespace
}  // namespace heapwatch::base
