#include "agent/process/held_signals.h"

#include <pthread.h>

#include <initializer_list>

namespace heapwatch::agent::process {

sigset_t handled_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    sigaddset(&signals, number);
  }
  return signals;
}

bool hold_signals() {
  const sigset_t signals = handled_signals();
  return pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0 &&
         std::signal(SIGPIPE, SIG_IGN) != SIG_ERR;
}

void let_signals_go() {
  const sigset_t signals = handled_signals();
  (void)std::signal(SIGPIPE, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace heapwatch::agent::process
