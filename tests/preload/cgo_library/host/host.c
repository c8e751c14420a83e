#include <pthread.h>
#include <stddef.h>

void GoEntry(int bytes);

static void* run(void* unused) {
  GoEntry(20001);
  return unused;
}

__attribute__((noinline)) static int enter(void) {
  GoEntry(10001);
  return 1;
}

int main(void) {
  const int entered = enter();
  pthread_t thread;
  pthread_create(&thread, NULL, run, NULL);
  pthread_join(thread, NULL);
  return entered - 1;
}
