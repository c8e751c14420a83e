#include "memory/process/live.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>
#include <utility>

#include "base/descriptor.h"
#include "memory/process/live_memory.h"

namespace heapwatch::memory::process {

namespace {

constexpr std::size_t small_text_max = std::size_t{1} << 20;
constexpr std::size_t smaps_text_max = std::size_t{512} << 20;

/// A file of /proc, of which the size is not known before. Errors: the errno, for who asks why.
tl::expected<std::string, int> read_text(const std::string& path, std::size_t bytes_max) {
  const base::Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    return tl::unexpected(errno);
  }
  std::string text;
  std::size_t known = 0;
  int error = 0;
  while (known < bytes_max) {
    text.resize(known + std::max<std::size_t>(16384, known));
    const ssize_t got = ::read(file.get(), text.data() + known, text.size() - known);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      error = got < 0 ? errno : 0;
      break;
    }
    known += static_cast<std::size_t>(got);
  }
  if (error != 0) {
    return tl::unexpected(error);
  }
  text.resize(known);
  return text;
}

std::string folder_of(int pid, const LiveOptions& options) {
  return options.proc + "/" + std::to_string(pid);
}

tl::unexpected<base::Error> has_ended(int pid) {
  return base::fail(base::ErrorKind::not_found, "process " + std::to_string(pid) + " has ended");
}

/// Why there is no folder of a process: there is none, or it is hidden.
tl::unexpected<base::Error> not_there(int pid) {
  if (kill(pid, 0) != 0 && errno == EPERM) {
    return base::fail(base::ErrorKind::refused,
                      "process " + std::to_string(pid) +
                          " belongs to another user and /proc hides it (it is mounted with "
                          "hidepid); run heapwatch as root");
  }
  return base::fail(base::ErrorKind::not_found, "there is no process " + std::to_string(pid));
}

base::Result<Facts> read_facts(int pid, const LiveOptions& options) {
  const std::string folder = folder_of(pid, options);
  const auto status = read_text(folder + "/status", small_text_max);
  const auto stat = read_text(folder + "/stat", small_text_max);
  if (!status || !stat) {
    return not_there(pid);
  }
  Facts facts;
  facts.pid = pid;
  read_status(*status, facts);
  if (const auto identity = parse_stat(*stat)) {
    facts.start_ticks = identity->start_ticks;
  }
  facts.arguments = split_zeros(read_text(folder + "/cmdline", small_text_max).value_or(""));
  facts.cgroup = read_text(folder + "/cgroup", small_text_max).value_or("");
  std::error_code error;
  facts.exe = std::filesystem::read_symlink(folder + "/exe", error).string();
  return facts;
}

std::vector<Thread> read_threads(int pid, const LiveOptions& options) {
  std::vector<Thread> threads;
  const std::string folder = folder_of(pid, options) + "/task";
  DIR* const tasks = opendir(folder.c_str());
  if (tasks == nullptr) {
    return threads;
  }
  while (const dirent* entry = readdir(tasks)) {
    const std::string_view name = entry->d_name;
    Thread thread;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), thread.tid);
    if (error != std::errc{} || end != name.data() + name.size() || threads.size() >= threads_max) {
      continue;
    }
    const std::string task = folder + "/" + entry->d_name;
    thread.name = read_text(task + "/comm", small_text_max).value_or("");
    if (!thread.name.empty() && thread.name.back() == '\n') {
      thread.name.pop_back();
    }
    if (const auto call = read_text(task + "/syscall", small_text_max)) {
      thread.stack_pointer = parse_syscall(*call);
    }
    threads.push_back(std::move(thread));
  }
  closedir(tasks);
  std::sort(threads.begin(), threads.end(),
            [](const Thread& a, const Thread& b) { return a.tid < b.tid; });
  return threads;
}

/// Why the kernel refuses to show a process to us.
Obstacle obstacle(const std::string& what, const Facts& facts, const LiveOptions& options) {
  const std::string command = "sudo heapwatch memory " + std::to_string(facts.pid);
  if (facts.uid != geteuid()) {
    return {what, "it runs as user " + std::to_string(facts.uid) + ", not as ours", command};
  }
  const auto yama = read_text(options.proc + "/sys/kernel/yama/ptrace_scope", small_text_max);
  if (yama && !yama->empty() && yama->front() != '0') {
    return {what,
            std::string("Yama forbids it (kernel.yama.ptrace_scope is ") + yama->front() + ")",
            yama->front() == '3' ? "restart with kernel.yama.ptrace_scope=0" : command};
  }
  if (geteuid() == 0) {
    return {
        what,
        "the system refuses it to root: it is not dumpable, of another user namespace, or we lack "
        "CAP_SYS_PTRACE",
        "in a container: docker run --pid host --cap-add SYS_PTRACE"};
  }
  return {what, "it is not dumpable, or it has capabilities or a user namespace that we lack",
          command};
}

/// Why a process has no mappings: it is a thread of the kernel, or has ended.
tl::unexpected<base::Error> has_no_memory(const Facts& facts, const LiveOptions& options) {
  const std::string stat =
      read_text(folder_of(facts.pid, options) + "/stat", small_text_max).value_or("");
  std::istringstream words(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));
  char state = ' ';
  std::uint64_t flags = 0;
  std::string skipped;
  words >> state >> skipped >> skipped >> skipped >> skipped >> skipped >> flags;
  constexpr std::uint64_t of_kernel = 0x0020'0000;
  const std::string named = "process " + std::to_string(facts.pid) + " (" + facts.command + ")";
  if ((flags & of_kernel) != 0) {
    return base::fail(base::ErrorKind::invalid,
                      named + " is a thread of the kernel: it has no memory of its own");
  }
  if (state == 'Z') {
    return base::fail(base::ErrorKind::not_found,
                      named + " has ended, and its parent has not asked how: it has no memory");
  }
  return has_ended(facts.pid);
}

struct Snapshot {
  std::vector<Mapping> mappings;
  Residency residency;
};

/// Mappings and page tables, read one after the other: a process that maps and unmaps meanwhile is
/// seen again.
base::Result<Snapshot> read_snapshot(const Facts& facts, const LiveOptions& options,
                                     std::vector<Obstacle>& obstacles) {
  const std::string folder = folder_of(facts.pid, options);
  const auto is_refused = [](int error) { return error == EACCES || error == EPERM; };
  auto smaps = read_text(folder + "/smaps", smaps_text_max);
  if (!smaps && is_refused(smaps.error())) {
    obstacles.push_back(obstacle("its mappings", facts, options));
    return Snapshot{};
  }
  if (!smaps) {
    return has_ended(facts.pid);
  }
  if (smaps->empty()) {
    return has_no_memory(facts, options);
  }
  Snapshot snapshot;
  snapshot.mappings = parse_smaps(*smaps);
  const base::Descriptor pagemap(open((folder + "/pagemap").c_str(), O_RDONLY | O_CLOEXEC));
  // CAP_SYS_PTRACE alone opens the one, and not the other.
  if (!pagemap && is_refused(errno)) {
    obstacles.push_back(obstacle("its page tables", facts, options));
    return Snapshot{};
  }
  if (!pagemap) {
    return has_ended(facts.pid);
  }
  auto residency = read_pagemap(pagemap.get(), snapshot.mappings, options.pagemap);
  if (!residency && residency.error().kind == base::ErrorKind::not_found) {
    return has_no_memory(facts, options);  // it ended after its mappings were read
  }
  if (!residency) {
    return tl::unexpected(residency.error());
  }
  snapshot.residency = *std::move(residency);
  return snapshot;
}

std::optional<Identity> identity_of(int pid, const LiveOptions& options) {
  const auto stat = read_text(folder_of(pid, options) + "/stat", small_text_max);
  return stat ? parse_stat(*stat) : std::nullopt;
}

}  // namespace

base::Result<Sighting> look_at(int pid, const LiveOptions& options) {
  constexpr int tries = 3;
  for (int i = 0; i < tries; ++i) {
    const auto before = identity_of(pid, options);
    auto facts = read_facts(pid, options);
    if (!facts) {
      return tl::unexpected(facts.error());
    }
    Sighting look;
    auto snapshot = read_snapshot(*facts, options, look.obstacles);
    auto threads = read_threads(pid, options);
    const auto after = identity_of(pid, options);
    if (!after || !before || after->start_ticks != before->start_ticks) {
      return has_ended(pid);
    }
    if (*after != *before) {
      continue;  // it has become another program meanwhile
    }
    if (!snapshot) {
      return tl::unexpected(snapshot.error());
    }
    auto memory = std::make_shared<LiveMemory>(pid, options.proc, options.until);
    if (look.obstacles.empty() && !snapshot->mappings.empty() && !memory->denied().empty()) {
      Obstacle found = obstacle("its memory", *facts, options);
      memory->deny(found.why);
      look.obstacles.push_back(std::move(found));
    }
    look.view = std::make_shared<ProcessView>(*std::move(facts), std::move(snapshot->mappings),
                                              std::move(snapshot->residency), std::move(threads),
                                              std::move(memory));
    return look;
  }
  return base::fail(base::ErrorKind::unreachable,
                    "process " + std::to_string(pid) + " replaces its program again and again");
}

base::Result<Rollup> read_rollup(int pid, const LiveOptions& options) {
  const auto text = read_text(folder_of(pid, options) + "/smaps_rollup", small_text_max);
  if (!text) {
    return has_ended(pid);
  }
  const auto field = [&](std::string_view name) { return status_field(*text, name).value_or(0); };
  return Rollup{.rss = field("Rss"),
                .pss = field("Pss"),
                .swap = field("Swap"),
                .lazy_free = field("LazyFree"),
                .huge = field("AnonHugePages")};
}

bool is_same(const ProcessView& view, const LiveOptions& options) {
  const auto now = identity_of(view.facts().pid, options);
  return now && now->start_ticks == view.facts().start_ticks;
}

}  // namespace heapwatch::memory::process
