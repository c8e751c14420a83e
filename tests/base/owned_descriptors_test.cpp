#include "base/owned_descriptors.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

namespace heapwatch::base {
namespace {

bool still_open(int descriptor) {
  return fcntl(descriptor, F_GETFD) >= 0;
}

TEST(OwnedDescriptors, AForkedChildClosesWhatIsOursAndNothingElse) {
  const int ours = own_descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int theirs = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int given_up = disown_descriptor(own_descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC)));
  const pid_t child = fork();
  if (child == 0) {
    close_owned_descriptors();
    _exit((still_open(ours) ? 1 : 0) + (still_open(theirs) ? 2 : 0) +
          (still_open(given_up) ? 4 : 0));
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 6);
  EXPECT_TRUE(still_open(ours));
  for (const int descriptor : {ours, theirs, given_up}) {
    close(disown_descriptor(descriptor));
  }
}

TEST(OwnedDescriptors, NumbersThatAreNoneOrTooHighAreHandedBack) {
  for (const int number : {-1, 65'536, 2'000'000'000}) {
    EXPECT_EQ(own_descriptor(number), number);
    EXPECT_EQ(disown_descriptor(number), number);
  }
}

}  // namespace
}  // namespace heapwatch::base
