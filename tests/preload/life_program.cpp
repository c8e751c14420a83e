// A program whose blocks live for a known time, which begins other programs and threads of C11. Its
// first argument says what it does.
#include <spawn.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace {

constexpr std::size_t block_bytes = 12345;

/// Keeps the optimiser from knowing what becomes of a block.
template <typename T>
T* kept(T* block) {
  asm volatile("" : "+r"(block) : : "memory");
  return block;
}

}  // namespace

extern "C" [[gnu::noinline]] void* make_block() {
  return std::memset(kept(std::malloc(block_bytes)), 1, block_bytes);
}

extern "C" [[gnu::noinline]] void make_and_free(int count) {
  for (int i = 0; i < count; ++i) {
    std::free(kept(make_block()));
  }
}

/// 100 blocks at once, of which 10 stay.
extern "C" [[gnu::noinline]] void rise_and_fall() {
  std::vector<void*> blocks;
  blocks.reserve(100);
  for (int i = 0; i < 100; ++i) {
    blocks.push_back(make_block());
  }
  for (std::size_t i = 10; i < blocks.size(); ++i) {
    std::free(blocks[i]);
  }
}

extern "C" [[gnu::noinline]] void start_c11_thread(bool joins) {
  thrd_t thread{};
  if (thrd_create(
          &thread, [](void* value) { return value == nullptr ? 1 : *static_cast<int*>(value); },
          kept(new int(7))) != thrd_success) {
    std::abort();
  }
  int result = 0;
  if (joins && (thrd_join(thread, &result) != thrd_success || result != 7)) {
    std::abort();
  }
}

namespace {

void start_c11_threads() {
  for (int i = 0; i < 5; ++i) {
    start_c11_thread(i % 2 == 0);
  }
  thrd_t detached{};
  thrd_create(
      &detached, [](void*) { return 0; }, nullptr);
  thrd_detach(detached);
}

int wait_for(pid_t child) {
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/// Begins a program in each way there is; each is to end with the same status.
void begin(char** arguments) {
  const char* const path = arguments[0];
  const std::map<std::string, std::function<void()>> ways{
      {"execve", [&] { execve(path, arguments, environ); }},
      {"execv", [&] { execv(path, arguments); }},
      {"execvp", [&] { execvp(path, arguments); }},
      {"execvpe", [&] { execvpe(path, arguments, environ); }},
      {"execl", [&] { execl(path, path, "x", "y", nullptr); }},
      {"execlp", [&] { execlp(path, path, "x", "y", nullptr); }},
      {"execle", [&] { execle(path, path, "x", "y", nullptr, environ); }}};
  std::fflush(stdout);
  for (const auto& [name, way] : ways) {
    const pid_t child = fork();
    if (child == 0) {
      way();
      _exit(99);
    }
    std::printf("%s %d\n", name.c_str(), wait_for(child));
    std::fflush(stdout);
  }
  for (const bool by_name : {false, true}) {
    pid_t child = -1;
    const int error =
        (by_name ? posix_spawnp : posix_spawn)(&child, path, nullptr, nullptr, arguments, environ);
    std::printf("%s %d\n", by_name ? "posix_spawnp" : "posix_spawn",
                error != 0 ? error : wait_for(child));
    std::fflush(stdout);
  }
  const pid_t child = vfork();
  if (child == 0) {
    execve(path, arguments, environ);
    _exit(99);
  }
  std::printf("vfork %d\n", wait_for(child));
}

/// Orders from standard input: `make N`, `free N` of the oldest.
void serve() {
  std::vector<void*> blocks;
  std::puts("ready");
  std::fflush(stdout);
  std::array<char, 64> line{};
  while (std::fgets(line.data(), line.size(), stdin) != nullptr) {
    const int count = std::atoi(line.data() + 5);
    for (int i = 0; i < count; ++i) {
      if (line[0] == 'm') {
        blocks.push_back(make_block());
      } else {
        std::free(blocks.front());
        blocks.erase(blocks.begin());
      }
    }
    std::puts("ok");
    std::fflush(stdout);
  }
}

}  // namespace

int main(int count, char** arguments) {
  const std::string what = count > 1 ? arguments[1] : "";
  const std::map<std::string, std::function<void()>> all{
      {"peak", rise_and_fall},
      {"temporary", [] { make_and_free(1000); }},
      {"c11", start_c11_threads},
      {"begin", [&] { begin(arguments + 2); }},
      {"become", [&] { execv(arguments[2], arguments + 2); }},
      {"child",
       [] {
         if (const pid_t child = fork(); child != 0) {
           wait_for(child);
         } else {
           kept(make_block());
           _exit(0);
         }
       }},
      {"serve", serve}};
  const auto found = all.find(what);
  if (found == all.end()) {
    return 2;
  }
  found->second();
  std::puts("done");
  return 0;
}
