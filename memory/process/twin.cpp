// Who does what.
//
// A helper, forked from us, stops the process, has it fork and lets it go: the pause. It tells us
// the twin's pid and waits. We look at the twin, which stands still, and at the process for what a
// fork does not take along: page tables of files and of shared memory, and mappings under
// MADV_DONTFORK. When the view is gone, or we are, the helper's pipe ends: it kills the twin and
// has the process take its exit status, in a second stop that is shorter still, since a child
// without an exit signal is not taken by a parent's ordinary wait.
#include "memory/process/twin.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include "base/descriptor.h"
#include "base/descriptor_output.h"
#include "memory/process/live_memory.h"
#include "memory/process/tracer.h"

namespace heapwatch::memory::process {

namespace {

using Clock = std::chrono::steady_clock;

/// What the helper tells; the message, then the threads follow it.
struct Reply {
  int twin = 0;
  double stopped_ms = 0;
  base::ErrorKind error = base::ErrorKind::io;
  std::uint32_t message_bytes = 0;
  std::uint32_t threads = 0;
};
struct ThreadReply {
  int tid = 0;
  user_regs_struct registers{};
};

/// The bytes of a value, as it goes through the pipe.
template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

bool read_all(int descriptor, void* data, std::size_t size) {
  char* at = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t done = read(descriptor, at, size);
    if (done < 0 && errno == EINTR) {
      continue;
    }
    if (done <= 0) {
      return false;
    }
    at += done;
    size -= static_cast<std::size_t>(done);
  }
  return true;
}

void tell(int descriptor, const Reply& reply, const std::string& message,
          const std::map<int, user_regs_struct>& threads) {
  Reply out = reply;
  out.message_bytes = static_cast<std::uint32_t>(message.size());
  out.threads = static_cast<std::uint32_t>(threads.size());
  bool told = base::write_all(descriptor, bytes_of(out)) && base::write_all(descriptor, message);
  for (const auto& [tid, registers] : threads) {
    const ThreadReply thread{tid, registers};
    told = told && base::write_all(descriptor, bytes_of(thread));
  }
}

/// The helper's life.
void help(int pid, std::uint64_t syscall, base::Descriptor reply_to,
          const base::Descriptor& end_of) {
  setsid();
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) {
    signal(number, SIG_IGN);  // NOLINT(bugprone-signal-handler)
  }
  Tracer tracer(pid);
  Reply reply;
  const auto begin = Clock::now();
  base::Result<int> twin =
      tracer.stop_all().and_then([&]() -> base::Result<int> { return tracer.fork_twin(syscall); });
  const auto threads = tracer.registers();
  tracer.let_go();
  reply.stopped_ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  if (!twin) {
    reply.error = twin.error().kind;
    tell(reply_to.get(), reply, twin.error().message, {});
    return;
  }
  reply.twin = *twin;
  tell(reply_to.get(), reply, "", threads);
  reply_to.reset();
  char nothing = 0;
  while (read(end_of.get(), &nothing, 1) < 0 && errno == EINTR) {
  }
  kill(*twin, SIGKILL);
  int status = 0;
  while (waitpid(*twin, &status, __WALL) == *twin && !WIFEXITED(status) && !WIFSIGNALED(status)) {
  }
  Tracer again(pid);
  if (again.stop_one()) {
    again.reap(syscall, *twin);
  }
}

/// A helper that lives as long as this does.
class Helper {
 public:
  Helper(pid_t pid, base::Descriptor end_of) : pid_(pid), end_of_(std::move(end_of)) {}
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  ~Helper() {
    end_of_.reset();
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

 private:
  pid_t pid_;
  base::Descriptor end_of_;
};

struct Started {
  std::shared_ptr<Helper> helper;
  int twin = 0;
  double stopped_ms = 0;
  std::map<int, user_regs_struct> registers;
};

base::Result<Started> start(int pid, std::uint64_t syscall) {
  auto reply = base::make_pipe();
  auto end = reply ? base::make_pipe() : tl::unexpected(reply.error());
  if (!end) {
    return base::fail(base::ErrorKind::io, "no pipe: " + end.error().message);
  }
  const pid_t child = fork();
  if (child == 0) {
    reply->reader.reset();
    end->writer.reset();
    help(pid, syscall, std::move(reply->writer), end->reader);
    _exit(0);
  }
  reply->writer.reset();
  end->reader.reset();
  if (child < 0) {
    return base::fail(base::ErrorKind::io, std::string("cannot fork: ") + std::strerror(errno));
  }
  Started started;
  started.helper = std::make_shared<Helper>(child, std::move(end->writer));
  Reply told;
  bool complete = read_all(reply->reader.get(), &told, sizeof told);
  std::string message(complete ? told.message_bytes : 0, '\0');
  complete = complete && read_all(reply->reader.get(), message.data(), message.size());
  for (std::uint32_t i = 0; complete && i < told.threads; ++i) {
    ThreadReply thread;
    complete = read_all(reply->reader.get(), &thread, sizeof thread);
    started.registers[thread.tid] = thread.registers;
  }
  if (!complete || told.twin == 0) {
    return base::fail(told.error, complete ? message : "the helper has ended before its time");
  }
  started.twin = told.twin;
  started.stopped_ms = told.stopped_ms;
  return started;
}

/// The twin's memory, and the process's own where the twin has none.
class TwinMemory : public Memory {
 public:
  TwinMemory(std::shared_ptr<const ProcessView> twin, std::shared_ptr<const ProcessView> parent,
             std::shared_ptr<Helper> helper)
      : helper_(std::move(helper)), twin_(std::move(twin)), parent_(std::move(parent)) {}

  [[nodiscard]] std::size_t read(std::uint64_t address, std::span<std::byte> out) const override {
    // A page of a file may come into the twin's page tables: never into those of the process.
    const auto& from = twin_->mapping_at(address) != nullptr ? twin_ : parent_;
    return from->memory()->read(address, out);
  }
  [[nodiscard]] std::size_t read_file(const Mapping& mapping, std::uint64_t offset,
                                      std::span<std::byte> out) const override {
    return parent_->memory()->read_file(mapping, offset, out);
  }
  [[nodiscard]] std::string denied() const override { return twin_->denied(); }

 private:
  std::shared_ptr<Helper> helper_;
  std::shared_ptr<const ProcessView> twin_;
  std::shared_ptr<const ProcessView> parent_;
};

/// Runs of one mapping: what the twin has of its own, and pages of files as the process has them.
void add_runs(const Mapping& mapping, const Residency& twin, const Residency& parent,
              std::vector<Run>& runs) {
  std::vector<Run> files;
  std::uint64_t from = mapping.begin;
  const auto files_between = [&](std::uint64_t begin, std::uint64_t end) {
    for (Run run : parent.runs_in(begin, end)) {
      run.begin = std::max(run.begin, begin);
      run.end = std::min(run.end, end);
      if (run.file && run.begin < run.end) {
        runs.push_back(run);
      }
    }
  };
  for (Run run : twin.runs_in(mapping.begin, mapping.end)) {
    if (run.file) {
      continue;
    }
    run.begin = std::max(run.begin, mapping.begin);
    run.end = std::min(run.end, mapping.end);
    files_between(from, run.begin);
    runs.push_back(run);
    from = run.end;
  }
  files_between(from, mapping.end);
}

std::shared_ptr<const ProcessView> combined(const Started& started, const ProcessView& before,
                                            const std::shared_ptr<const ProcessView>& twin,
                                            const std::shared_ptr<const ProcessView>& parent) {
  std::vector<Mapping> mappings(twin->mappings().begin(), twin->mappings().end());
  std::vector<Range> own;  // of the process alone
  for (const Mapping& mapping : parent->mappings()) {
    const bool is_in_twin =
        std::any_of(twin->mappings().begin(), twin->mappings().end(), [&](const Mapping& other) {
          return other.begin < mapping.end && mapping.begin < other.end;
        });
    if (!is_in_twin) {
      mappings.push_back(mapping);
      own.push_back(mapping.range());
    }
  }
  std::sort(mappings.begin(), mappings.end(),
            [](const Mapping& a, const Mapping& b) { return a.begin < b.begin; });
  std::vector<Run> runs;
  for (Mapping& mapping : mappings) {
    const bool is_own = std::find(own.begin(), own.end(), mapping.range()) != own.end();
    const std::size_t first = runs.size();
    if (is_own) {
      for (Run run : parent->residency().runs_in(mapping.begin, mapping.end)) {
        runs.push_back({std::max(run.begin, mapping.begin), std::min(run.end, mapping.end),
                        run.file, run.huge});
      }
    } else if (!mapping.outside_rss) {
      add_runs(mapping, twin->residency(), parent->residency(), runs);
    }
    mapping.rss = 0;
    for (std::size_t i = first; i < runs.size(); ++i) {
      mapping.rss += runs[i].end - runs[i].begin;
    }
    // Shares are those from before: the twin halves its own and the process's.
    const Mapping* const alone = before.mapping_at(mapping.begin);
    mapping.pss = alone != nullptr ? alone->pss : mapping.pss;
  }
  std::vector<Thread> threads;
  for (Thread thread : parent->threads()) {
    if (const auto found = started.registers.find(thread.tid); found != started.registers.end()) {
      const user_regs_struct& held = found->second;
      thread.stack_pointer = held.rsp;
      thread.registers = {held.rax, held.rbx, held.rcx, held.rdx,    held.rsi, held.rdi,
                          held.rbp, held.r8,  held.r9,  held.r10,    held.r11, held.r12,
                          held.r13, held.r14, held.r15, held.fs_base};
      threads.push_back(std::move(thread));
    }
  }
  const auto swapped = twin->residency().swapped();
  return std::make_shared<ProcessView>(parent->facts(), std::move(mappings),
                                       Residency(std::move(runs), {swapped.begin(), swapped.end()}),
                                       std::move(threads),
                                       std::make_shared<TwinMemory>(twin, parent, started.helper));
}

/// The address of a system call instruction: the vdso has one, in static programs too.
std::uint64_t find_syscall(const ProcessView& view) {
  for (const Mapping& mapping : view.mappings()) {
    if (mapping.name != "[vdso]") {
      continue;
    }
    std::vector<std::byte> code(static_cast<std::size_t>(mapping.end - mapping.begin));
    const std::size_t known = view.read(mapping.begin, code);
    for (std::size_t i = 0; i + 1 < known; ++i) {
      if (code[i] == std::byte{0x0f} && code[i + 1] == std::byte{0x05}) {
        return mapping.begin + i;
      }
    }
  }
  return 0;
}

/// Why a process must not be stopped; empty when it may be.
std::string objection(const Facts& facts, const LiveOptions& options) {
  if (facts.seccomp != 0) {
    return "it runs under a seccomp filter, which may kill it for a fork";
  }
  if (facts.tracer != 0) {
    return "process " + std::to_string(facts.tracer) + " traces it already";
  }
  std::ifstream in(options.proc + "/" + std::to_string(facts.pid) + "/stat");
  std::string stat;
  std::getline(in, stat);
  const std::size_t name_end = stat.rfind(") ");
  const char state = name_end == std::string::npos ? '?' : stat[name_end + 2];
  if (state == 'T' || state == 't') {
    return "it is stopped by a signal";
  }
  return {};
}

}  // namespace

base::Result<TwinSighting> look_at_twin(int pid, const LiveOptions& options) {
  const std::string who = "process " + std::to_string(pid) + " cannot be paused: ";
  auto before = look_at(pid, options);
  if (!before) {
    return tl::unexpected(before.error());
  }
  const ProcessView& view = *before->view;
  if (!before->obstacles.empty()) {
    return base::fail(base::ErrorKind::refused, who + before->obstacles.front().why);
  }
  if (const std::string why = objection(view.facts(), options); !why.empty()) {
    return base::fail(base::ErrorKind::refused, who + why);
  }
  const std::uint64_t syscall = find_syscall(view);
  if (syscall == 0) {
    return base::fail(base::ErrorKind::refused, who + "it has no [vdso] of x86-64");
  }
  auto started = start(pid, syscall);
  if (!started) {
    return base::fail(started.error().kind, who + started.error().message);
  }
  auto twin = look_at(started->twin, options);
  auto parent = look_at(pid, options);
  if (!twin || !parent) {
    return tl::unexpected(twin ? parent.error() : twin.error());
  }
  TwinSighting sighting;
  sighting.stopped_ms = started->stopped_ms;
  sighting.sighting.view = combined(*started, view, twin->view, parent->view);
  return sighting;
}

}  // namespace heapwatch::memory::process
