// A program to be watched: its first argument says what it does. Blocks of 12345 bytes are what it
// leaks.
#include <dlfcn.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t leaked_bytes = 12345;

/// Keeps the optimiser from knowing what becomes of a block.
template <typename T>
T* kept(T* block) {
  asm volatile("" : "+r"(block) : : "memory");
  return block;
}

}  // namespace

extern "C" [[gnu::noinline]] void leak_blocks(int count) {
  for (int i = 0; i < count; ++i) {
    std::memset(kept(std::malloc(leaked_bytes)), 1, leaked_bytes);
  }
}

// Known amounts from known sites, a GiB in all.
extern "C" [[gnu::noinline]] void allocate_large() {
  for (std::size_t bytes = 0; bytes < std::size_t{800} << 20; bytes += 32000) {
    kept(std::malloc(32000));
  }
}

extern "C" [[gnu::noinline]] void allocate_middle() {
  for (std::size_t bytes = 0; bytes < std::size_t{160} << 20; bytes += 4000) {
    kept(std::malloc(4000));
  }
}

extern "C" [[gnu::noinline]] void allocate_small() {
  for (std::size_t bytes = 0; bytes < std::size_t{64} << 20; bytes += 500) {
    kept(std::malloc(500));
  }
}

namespace {

struct AtThreadEnd {
  void* block = nullptr;
  ~AtThreadEnd() {
    std::free(block);
    std::free(kept(std::malloc(99)));
  }
};

void work(unsigned seed, int rounds) {
  thread_local AtThreadEnd late;
  late.block = std::malloc(50);
  std::vector<void*> blocks(64);
  for (int i = 0; i < rounds; ++i) {
    seed = seed * 1664525 + 1013904223;
    void*& block = blocks[seed >> 26];
    switch (seed >> 8 & 3U) {
      case 0:
        block = std::realloc(block, 1 + (seed >> 12 & 4095U));
        break;
      case 1:
        std::free(block);
        block = std::aligned_alloc(256, 512);
        break;
      default:
        std::free(block);
        block = std::calloc(1, seed >> 12 & 1023U);
    }
  }
  for (void* block : blocks) {
    std::free(block);
  }
}

void run_threads() {
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 32; ++i) {
    threads.emplace_back(work, i, 5000);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  leak_blocks(100);
}

/// Every function of the family, each leaking one block.
void run_family() {
  kept(std::malloc(leaked_bytes));
  kept(std::calloc(5, leaked_bytes / 5));
  kept(std::realloc(std::malloc(5), leaked_bytes));
  kept(reallocarray(nullptr, 5, leaked_bytes / 5));
  kept(std::aligned_alloc(64, leaked_bytes));
  kept(memalign(4096, leaked_bytes));
  kept(valloc(leaked_bytes));
  void* block = nullptr;
  if (posix_memalign(&block, 128, leaked_bytes) != 0 || posix_memalign(&block, 3, 8) != EINVAL) {
    std::abort();
  }
  kept(block);
  kept(new char[leaked_bytes]);
  kept(static_cast<char*>(operator new (leaked_bytes, std::align_val_t{64})));
  kept(strdup(std::string(leaked_bytes - 1, 'x').c_str()));
  const volatile std::size_t too_much = SIZE_MAX;
  if (std::malloc(too_much) != nullptr || errno != ENOMEM ||
      malloc_usable_size(kept(std::malloc(1))) < 1) {
    std::abort();
  }
}

std::atomic<bool> done{false};

void run_child() {
  const pid_t child = fork();
  if (child == 0) {
    work(7, 2000);
    leak_blocks(3);
    _exit(0);
  }
  int status = -1;
  if (waitpid(child, &status, 0) != child || status != 0) {
    std::printf("a child ended with wait status %d\n", status);
    std::fflush(stdout);
    std::abort();
  }
}

/// Children of a process whose threads are allocating.
void run_forks() {
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) {
    threads.emplace_back([i] {
      while (!done) {
        work(i, 200);
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    run_child();
  }
  done = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
  leak_blocks(1);
}

/// A child of a process that can open no more files.
void run_starved() {
  constexpr rlimit none{3, 3};
  setrlimit(RLIMIT_NOFILE, &none);
  run_child();
  leak_blocks(1);
}

bool shares_its_books() {
  std::ifstream maps("/proc/self/maps");
  const std::string text{std::istreambuf_iterator<char>(maps), {}};
  return text.find("heapwatch books") != std::string::npos;
}

/// Forks once more when told to, and says what became of the books. As a daemon its first process
/// is gone by then.
void run_orphan(bool is_daemon) {
  if (is_daemon && fork() != 0) {
    _exit(0);
  }
  std::thread([] { work(1, 100); }).join();
  std::printf("ready %d\n", shares_its_books() ? 1 : 0);
  std::fflush(stdout);
  char line[64];
  if (std::fgets(line, sizeof line, stdin) == nullptr) {
    std::abort();
  }
  const pid_t child = fork();
  if (child == 0) {
    work(3, 2000);
    _exit(shares_its_books() ? 1 : 0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  work(3, 2000);
  std::printf("child %d parent %d\n", status, shares_its_books() ? 1 : 0);
}

void run_signals() {
  std::signal(SIGALRM, [](int) {});
  std::thread sender([process = getpid()] {
    while (!done) {
      kill(process, SIGALRM);
    }
  });
  work(1, 200000);
  done = true;
  sender.join();
  leak_blocks(2);
}

void run_module(const char* path) {
  void* const module = dlopen(path, RTLD_NOW);
  if (module == nullptr) {
    std::puts(dlerror());
    std::abort();
  }
  reinterpret_cast<void (*)()>(dlsym(module, "leak_in_module"))();
  dlclose(module);
}

/// Until its standard input ends.
void run_serving() {
  leak_blocks(10);
  std::puts("ready");
  std::fflush(stdout);
  char line[64];
  while (std::fgets(line, sizeof line, stdin) != nullptr) {
    leak_blocks(std::atoi(line));
    std::puts("ok");
    std::fflush(stdout);
  }
}

}  // namespace

int main(int count, char** arguments) {
  const std::string what = count > 1 ? arguments[1] : "";
  const std::map<std::string, std::function<void()>> all{
      {"threads", run_threads},
      {"family", run_family},
      {"forks", run_forks},
      {"starved", run_starved},
      {"signals", run_signals},
      {"serve", run_serving},
      {"orphan", [] { run_orphan(false); }},
      {"daemon", [] { run_orphan(true); }},
      {"module", [&] { run_module(arguments[2]); }},
      {"double",
       [] {
         void* const block = kept(std::malloc(77));
         std::free(block);
         std::free(kept(block));
       }},
      {"inside",
       [&] {
         const std::size_t size = std::stoul(arguments[2]);
         auto* const block = static_cast<char*>(kept(std::aligned_alloc(32, size)));
         std::memset(block, 0, size);
         std::free(kept(block + std::stoul(arguments[3])));
       }},
      {"abort",
       [] {
         leak_blocks(5);
         std::abort();
       }},
      {"kill",
       [] {
         leak_blocks(5);
         raise(SIGKILL);
       }},
      {"sites",
       [] {
         allocate_large();
         allocate_middle();
         allocate_small();
       }},
      {"small",
       [] {
         for (std::size_t i = 0; i < 1000; ++i) {
           kept(std::malloc(i % 10));
         }
       }},
      {"exit",
       [] {
         leak_blocks(5);
         _exit(9);
       }},
      {"exec",
       [&] {
         leak_blocks(50);
         execl("/proc/self/exe", arguments[0], "exit", nullptr);
       }},
      {"term",
       [] {
         std::puts("ready");
         std::fflush(stdout);
         pause();
       }},
  };
  const auto found = all.find(what);
  if (found == all.end()) {
    return 2;
  }
  found->second();
  std::puts("done");
  return 0;
}
