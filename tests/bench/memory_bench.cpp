// What a look costs, beside a plain copy of the same pages and pmap -X: CPU time in one run.
//
// memory_bench PID [ROUNDS]
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "memory/process/live.h"
#include "memory/survey.h"

namespace {

using heapwatch::memory::Options;

double cpu_ms(int who) {
  rusage used{};
  getrusage(who, &used);
  const auto ms = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  return ms(used.ru_utime) + ms(used.ru_stime);
}

/// The least CPU time of some rounds.
double least_ms(int rounds, int who, const std::function<void()>& work) {
  double least = 0;
  for (int round = 0; round < rounds; ++round) {
    const double before = cpu_ms(who);
    work();
    const double took = cpu_ms(who) - before;
    least = round == 0 ? took : std::min(least, took);
  }
  return least;
}

/// Copies all resident private memory that is no page of a file, 2 MiB at a time into one buffer.
std::size_t copy_pages(int pid, const heapwatch::memory::process::ProcessView& view) {
  static std::vector<char> buffer(std::size_t{2} << 20);
  std::size_t copied = 0;
  for (const auto& mapping : view.mappings()) {
    if (!mapping.readable || mapping.shared) {
      continue;
    }
    for (const auto& run : view.residency().runs_in(mapping.begin, mapping.end)) {
      const std::uint64_t end = std::min(run.end, mapping.end);
      for (std::uint64_t at = std::max(run.begin, mapping.begin); !run.file && at < end;
           at += buffer.size()) {
        iovec local{buffer.data(), std::min<std::uint64_t>(buffer.size(), end - at)};
        // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of the other process
        iovec remote{reinterpret_cast<void*>(at), local.iov_len};
        const ssize_t got = process_vm_readv(pid, &local, 1, &remote, 1, 0);
        copied += got > 0 ? static_cast<std::size_t>(got) : 0;
      }
    }
  }
  return copied;
}

void run_pmap(int pid) {
  const std::string number = std::to_string(pid);
  const pid_t child = fork();
  if (child == 0) {
    if (std::freopen("/dev/null", "w", stdout) != nullptr) {
      execlp("pmap", "pmap", "-X", number.c_str(), nullptr);
    }
    _exit(127);
  }
  waitpid(child, nullptr, 0);
}

void look(int pid, const Options& options) {
  if (const auto survey = heapwatch::memory::survey(pid, options); !survey) {
    std::fprintf(stderr, "%s\n", survey.error().message.c_str());
    std::exit(1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: memory_bench PID [ROUNDS]\n");
    return 2;
  }
  const int pid = std::atoi(argv[1]);
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  const auto sighting = heapwatch::memory::process::look_at(pid);
  if (!sighting) {
    std::fprintf(stderr, "%s\n", sighting.error().message.c_str());
    return 1;
  }
  std::size_t bytes = 0;
  const double copy =
      least_ms(rounds, RUSAGE_SELF, [&] { bytes = copy_pages(pid, *sighting->view); });
  const double rows = least_ms(rounds, RUSAGE_SELF, [&] { look(pid, {}); });
  const double types = least_ms(rounds, RUSAGE_SELF, [&] { look(pid, {.types = true}); });
  const double pmap = least_ms(rounds, RUSAGE_CHILDREN, [&] { run_pmap(pid); });
  const double gib = static_cast<double>(bytes) / (1 << 30);
  std::printf(
      "CPU ms, the least of %d rounds; in brackets against the copy, and against pmap -X\n\n"
      "| MiB of anonymous pages | plain copy | a look | a look with types | pmap -X |\n"
      "|---|---|---|---|---|\n"
      "| %.1f | %.1f | %.1f (%.2f, %.2f) | %.1f (%.2f, %.2f) | %.1f |\n\n"
      "a look takes %.0f ms of CPU a GiB\n",
      rounds, gib * 1024, copy, rows, rows / copy, rows / pmap, types, types / copy, types / pmap,
      pmap, rows / gib);
  return 0;
}
