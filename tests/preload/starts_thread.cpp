// A library whose loading starts a thread, which takes whatever signals it is given.
#include <pthread.h>
#include <unistd.h>

namespace {

[[gnu::constructor]] void start() {
  pthread_t thread{};
  const auto wait_for_ever = [](void* /*unused*/) -> void* {
    for (;;) {
      pause();
    }
  };
  if (pthread_create(&thread, nullptr, wait_for_ever, nullptr) == 0) {
    pthread_detach(thread);
  }
}

}  // namespace
