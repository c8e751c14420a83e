// A C++ program with a known number of objects, which waits to be killed.
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

namespace shop {

struct Session {
  virtual ~Session() = default;
  virtual int kind() const { return 1; }
  int number = 1;
  char data[100]{};
};

struct Order : Session {
  int kind() const override { return 2; }
  char more[200]{};
};

struct Plain {
  char data[64];
};

}  // namespace shop

int main() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // nobody is left to end it
  std::vector<std::unique_ptr<shop::Session>> sessions;
  std::vector<std::unique_ptr<shop::Plain>> plain;
  for (int i = 0; i < 3000; ++i) {
    sessions.push_back(std::make_unique<shop::Session>());
    plain.push_back(std::make_unique<shop::Plain>());
  }
  for (int i = 0; i < 1200; ++i) {
    sessions.push_back(std::make_unique<shop::Order>());
  }
  for (int i = 0; i < 500; ++i) {
    sessions[static_cast<std::size_t>(i)].reset();
  }
  if (write(1, "ready\n", 6) < 0) {
    return 1;
  }
  for (;;) {
    pause();
  }
}
