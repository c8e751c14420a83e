#include "attach/evidence.h"

#include <elf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/descriptor.h"
#include "base/file.h"
#include "memory/process/live.h"

namespace heapwatch::attach {

namespace {

constexpr std::size_t text_bytes_max = std::size_t{1} << 20;
constexpr int ancestors_max = 64;

std::string text_of(const std::string& path) {
  return base::read_file(path, text_bytes_max).value_or("");
}

struct Stat {
  char state = '?';
  int parent = 0;
  bool is_kernel_thread = false;
};

/// The words behind the name, which is in brackets and may hold anything.
Stat parse_stat(std::string_view text) {
  Stat stat;
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) {
    return stat;
  }
  std::istringstream words{std::string(text.substr(name_end + 1))};
  std::uint64_t flags = 0;
  std::string skipped;
  words >> stat.state >> stat.parent >> skipped >> skipped >> skipped >> skipped >> flags;
  constexpr std::uint64_t of_kernel = 0x0020'0000;  // PF_KTHREAD
  stat.is_kernel_thread = (flags & of_kernel) != 0;
  return stat;
}

/// The soft limit of a line of /proc/PID/limits; absent: unlimited.
std::optional<std::uint64_t> limit_of(std::string_view limits, std::string_view name) {
  const std::size_t line = limits.find(name);
  if (line == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view rest = limits.substr(line + name.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  return error == std::errc{} ? std::optional(value) : std::nullopt;
}

/// Of a line `name: a b c`, whether the word is there.
bool line_has(std::string_view text, std::string_view name, std::string_view word) {
  const std::size_t at = text.find(std::string("\n") + std::string(name));
  if (at == std::string_view::npos) {
    return false;
  }
  const std::string_view rest = text.substr(at + 1);
  return rest.substr(0, rest.find('\n')).find(word) != std::string_view::npos;
}

bool is_descendant(int pid, int of, const std::string& proc) {
  for (int i = 0; i < ancestors_max && pid > 1; ++i) {
    if (pid == of) {
      return true;
    }
    pid = parse_stat(text_of(proc + "/" + std::to_string(pid) + "/stat")).parent;
  }
  return false;
}

void read_file_header(const std::string& path, Evidence& evidence) {
  const base::Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<unsigned char, 20> header{};
  if (!file ||
      pread(file.get(), header.data(), header.size(), 0) != static_cast<ssize_t>(header.size()) ||
      std::memcmp(header.data(), ELFMAG, SELFMAG) != 0) {
    return;
  }
  evidence.elf_class = header[EI_CLASS];
  evidence.elf_machine = static_cast<unsigned>(header[18]) | static_cast<unsigned>(header[19])
                                                                 << 8U;
}

bool has_loader(const std::string& auxv) {
  for (std::size_t at = 0; at + sizeof(Elf64_auxv_t) <= auxv.size(); at += sizeof(Elf64_auxv_t)) {
    Elf64_auxv_t entry{};
    std::memcpy(&entry, auxv.data() + at, sizeof entry);
    if (entry.a_type == AT_BASE) {
      return entry.a_un.a_val != 0;
    }
  }
  return false;
}

bool sees_proc(const std::string& folder) {
  struct statfs status {};
  return statfs((folder + "/root/proc").c_str(), &status) == 0 && status.f_type == PROC_SUPER_MAGIC;
}

}  // namespace

Asker ourselves() {
  Asker asker{.pid = getpid(), .uid = geteuid()};
  const std::string status = text_of("/proc/self/status");
  constexpr std::string_view name = "CapEff:\t";
  if (const std::size_t at = status.find(name); at != std::string::npos) {
    std::uint64_t capabilities = 0;
    (void)std::from_chars(status.data() + at + name.size(), status.data() + status.size(),
                          capabilities, 16);
    constexpr unsigned sys_ptrace = 19;
    asker.may_trace_others = (capabilities >> sys_ptrace & 1U) != 0;
  }
  return asker;
}

base::Result<Seen> gather(int pid, const Asker& asker, const std::string& proc) {
  const std::string folder = proc + "/" + std::to_string(pid);
  Seen seen;
  Evidence& evidence = seen.evidence;
  const std::string status = text_of(folder + "/status");
  const Stat stat = parse_stat(text_of(folder + "/stat"));
  evidence.asker = asker;
  evidence.state = stat.state;
  evidence.is_kernel_thread = stat.is_kernel_thread;
  auto look = memory::process::look_at(pid, {.proc = proc});
  if (!look && !evidence.is_kernel_thread && evidence.state != 'Z') {
    return tl::unexpected(look.error());
  }
  memory::process::read_status(status, evidence.facts);
  evidence.facts.pid = pid;
  if (!look) {
    return seen;
  }
  seen.view = look->view;
  evidence.facts = look->view->facts();
  if (!look->obstacles.empty()) {
    evidence.denied = look->obstacles.front().why;
    evidence.denied_remedy = "run heapwatch as root";
  }
  evidence.is_our_descendant = is_descendant(pid, asker.pid, proc);
  if (evidence.facts.tracer != 0) {
    evidence.tracer_name = text_of(proc + "/" + std::to_string(evidence.facts.tracer) + "/comm");
    evidence.tracer_name.resize(
        std::min(evidence.tracer_name.find('\n'), evidence.tracer_name.size()));
  }
  const std::string yama = text_of(proc + "/sys/kernel/yama/ptrace_scope");
  evidence.yama = yama.empty() ? 0 : yama.front() - '0';
  evidence.locked = memory::process::status_field(status, "VmLck").value_or(0);
  evidence.address_space = memory::process::status_field(status, "VmSize").value_or(0);
  evidence.address_space_max = limit_of(text_of(folder + "/limits"), "Max address space");
  evidence.has_shadow_stack = line_has(status, "x86_Thread_features:", "shstk");
  evidence.sees_proc = sees_proc(folder);
  read_file_header(folder + "/exe", evidence);
  evidence.has_loader = has_loader(text_of(folder + "/auxv"));
  evidence.program = read_program(*seen.view);
  return seen;
}

}  // namespace heapwatch::attach
