// A program that maps memory and starts threads: its first argument says what it does. What it says
// at its end is what the kernel knows of it.
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr std::size_t page = 4096;

void expect(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "not so: %s\n", what);
    _exit(3);
  }
}

char* map(std::size_t pages) {
  void* const made =
      mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  expect(made != MAP_FAILED, "mmap succeeds");
  return static_cast<char*>(made);
}

/// Bytes of the anonymous mappings in /proc/self/maps, with the heap; nothing is allocated.
std::size_t anonymous_bytes() {
  static char text[1 << 20];
  const int file = open("/proc/self/maps", O_RDONLY);
  std::size_t length = 0;
  for (ssize_t got = 1; got > 0; length += static_cast<std::size_t>(got)) {
    got = read(file, text + length, sizeof text - 1 - length);
    expect(got >= 0, "maps can be read");
  }
  close(file);
  text[length] = '\0';
  std::size_t bytes = 0;
  for (char* line = text; *line != '\0';) {
    char* const end = std::strchr(line, '\n');
    *end = '\0';
    std::uintptr_t start = 0;
    std::uintptr_t limit = 0;
    unsigned long inode = 0;
    char path[512] = "";
    std::sscanf(line, "%lx-%lx %*s %*s %*s %lu %511s", &start, &limit, &inode, path);
    if (inode == 0 && (path[0] != '[' || std::strcmp(path, "[heap]") == 0)) {
      bytes += limit - start;
    }
    line = end + 1;
  }
  return bytes;
}

volatile char sink = 0;

}  // namespace

extern "C" [[gnu::noinline]] void leak_mappings() {
  for (int i = 0; i < 10; ++i) {
    sink = map(10)[0];
  }
}

extern "C" [[gnu::noinline]] void cut_mappings() {
  char* const middle = map(8);
  munmap(middle + 3 * page, 2 * page);  // leaves 3 and 3
  char* const front = map(8);
  munmap(front - 0, 5 * page);  // leaves 3
  char* const both = map(16);
  // A file over 4 of 16 pages, and an anonymous mapping over 2 of the 12 left.
  const int file = open("/proc/self/exe", O_RDONLY);
  expect(mmap(both, 4 * page, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0) == both,
         "a file is mapped over a mapping");
  close(file);
  expect(mmap(both + 6 * page, 2 * page, PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1,
              0) == both + 6 * page,
         "a mapping is mapped over a mapping");
}

extern "C" [[gnu::noinline]] void move_mappings() {
  char* const grown = map(4);
  grown[0] = 'x';
  char* const moved = static_cast<char*>(mremap(grown, 4 * page, 64 * page, MREMAP_MAYMOVE));
  expect(moved != MAP_FAILED && moved[0] == 'x', "a mapping grows");
  char* const shrunk = map(20);
  expect(mremap(shrunk, 20 * page, 5 * page, 0) == shrunk, "a mapping shrinks");
  char* const place = map(6);
  char* const put = map(6);
  expect(mremap(put, 6 * page, 6 * page, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place,
         "a mapping moves over another");
}

extern "C" [[gnu::noinline]] void move_break() {
  // The heap of malloc is there by now.
  const auto* const before = static_cast<const char*>(sbrk(16 * page));
  const auto* const above = static_cast<const char*>(sbrk(-4 * static_cast<std::intptr_t>(page)));
  expect(above == before + 16 * page, "the break moves up");
  expect(sbrk(0) == before + 12 * page, "the break moves down");
}

namespace {

void churn() {
  for (std::size_t i = 0; i < 1000; ++i) {
    munmap(map(1 + i % 7), (1 + i % 7) * page);
  }
  alignas(page) static char within[page];
  expect(munmap(within + 1, 5) != 0, "a wrong munmap fails");
  expect(mmap(nullptr, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED,
         "an empty mmap fails");
}

void run_mappings() {
  std::free(std::malloc(1));
  munmap(map(1), page);
  anonymous_bytes();
  const std::size_t before = anonymous_bytes();
  leak_mappings();
  cut_mappings();
  move_mappings();
  move_break();
  churn();
  std::printf("%zu\n", anonymous_bytes() - before);
}

pthread_attr_t small_stack(bool detached) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 << 10);
  pthread_attr_setdetachstate(&attributes,
                              detached ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE);
  return attributes;
}

void* end_at_once(void* value) {
  if (value != nullptr) {
    pthread_exit(value);
  }
  return value;
}

pthread_t started(const pthread_attr_t* attributes, void* value = nullptr) {
  pthread_t thread{};
  expect(pthread_create(&thread, attributes, end_at_once, value) == 0, "a thread begins");
  return thread;
}

}  // namespace

extern "C" [[gnu::noinline]] void start_unjoined() {
  const pthread_attr_t attributes = small_stack(false);
  static char value;
  for (int i = 0; i < 5; ++i) {
    started(&attributes, i % 2 == 0 ? &value : nullptr);
  }
}

namespace {

void run_threads() {
  start_unjoined();
  const pthread_attr_t joinable = small_stack(false);
  const pthread_attr_t detached = small_stack(true);
  for (int i = 0; i < 20; ++i) {
    pthread_join(started(&joinable), nullptr);
    pthread_detach(started(&joinable));
    started(&detached);
    pthread_detach(started(nullptr));
  }
  const pid_t child = fork();
  if (child == 0) {
    pthread_join(started(&joinable), nullptr);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  // A stack of the program's own is none of the C library's.
  pthread_attr_t own = small_stack(false);
  pthread_attr_setstack(&own, map(64), 64 * page);
  pthread_join(started(&own), nullptr);
  // Until all threads have ended, since their ends are noted by themselves.
  for (int threads = 0; threads != 1; usleep(1000)) {
    const int file = open("/proc/self/status", O_RDONLY);
    static char text[1 << 14];
    text[std::max<ssize_t>(read(file, text, sizeof text - 1), 0)] = '\0';
    close(file);
    std::sscanf(std::strstr(text, "Threads:"), "Threads: %d", &threads);
  }
  std::puts("done");
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1 && std::strcmp(arguments[1], "mappings") == 0) {
    run_mappings();
  } else {
    run_threads();
  }
  return 0;
}
