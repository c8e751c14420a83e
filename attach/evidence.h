// What is known of a process before anything is done to it: from /proc and its memory, which are
// read alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "attach/program.h"
#include "base/error.h"
#include "memory/process/view.h"

namespace heapwatch::attach {

/// Who asks.
struct Asker {
  int pid = 0;
  unsigned uid = 0;               // effective
  bool may_trace_others = false;  // CAP_SYS_PTRACE
  friend bool operator==(const Asker&, const Asker&) = default;
};
[[nodiscard]] Asker ourselves();

/// Plain data, so that a test can make it. Units: bytes.
struct Evidence {
  memory::process::Facts facts;
  Asker asker;
  char state = '?';  // as /proc/PID/stat has it
  bool is_kernel_thread = false;
  bool is_our_descendant = false;
  std::string tracer_name;
  int yama = 0;  // kernel.yama.ptrace_scope; 0 without Yama
  std::uint64_t locked = 0;
  std::uint64_t address_space = 0;
  std::optional<std::uint64_t> address_space_max;  // RLIMIT_AS
  bool has_shadow_stack = false;
  bool sees_proc = true;  // there is a /proc where its root is
  std::string denied;     // why its memory cannot be read; empty: it can
  std::string denied_remedy;

  unsigned elf_class = 0;    // of the program's file; 0: could not be read
  unsigned elf_machine = 0;  // an EM_ number
  bool has_loader = false;
  Program program;
};

/// What was gathered, and the view it was gathered from.
struct Seen {
  Evidence evidence;
  std::shared_ptr<const memory::process::ProcessView> view;  // null: a thread of the kernel
};

/// Looks at a process; nothing of it is changed, and it is not stopped. Errors: those of
/// memory::process::look_at but that it is a thread of the kernel.
[[nodiscard]] base::Result<Seen> gather(int pid, const Asker& asker,
                                        const std::string& proc = "/proc");

}  // namespace heapwatch::attach
