#include "check/children/fork.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <initializer_list>

#include "base/owned_descriptors.h"
#include "check/children/keeper.h"

namespace heapwatch::check::children {

namespace {

/// Only what may be called between fork and exec.
void begin_child() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    (void)std::signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  (void)pthread_sigmask(SIG_SETMASK, &none, nullptr);
  if (const pid_t leader = group(); leader != 0) {
    (void)setpgid(0, leader);
  }
  base::close_owned_descriptors();
}

}  // namespace

void prepare_forks() noexcept {
  (void)pthread_atfork(nullptr, nullptr, begin_child);
}

}  // namespace heapwatch::check::children
