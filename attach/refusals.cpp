#include "attach/refusals.h"

#include <elf.h>

#include <utility>

#include "base/counted.h"
#include "base/printable.h"
#include "preload/python/layout.h"

namespace heapwatch::attach {

namespace {

/// A list that is being written.
class Refusals {
 public:
  void add(bool applies, Reason reason, const std::string& why, const std::string& remedy) {
    if (applies) {
      list_.push_back({reason, why, remedy});
    }
  }
  [[nodiscard]] bool empty() const { return list_.empty(); }
  [[nodiscard]] std::vector<Refusal> take() { return std::move(list_); }

 private:
  std::vector<Refusal> list_;
};

constexpr const char* from_outside = "heapwatch memory and heapwatch leak look from outside";
constexpr const char* restart_watched = "restart it under heapwatch exec --dormant";

/// Who it is, and whether we have the right.
void judge_rights(const Evidence& evidence, Refusals& refusals) {
  const Asker& asker = evidence.asker;
  const std::string as_root = "run heapwatch as root, or with CAP_SYS_PTRACE";
  refusals.add(evidence.facts.pid == asker.pid, Reason::ourselves, "is heapwatch itself", "");
  refusals.add(evidence.facts.pid == 1, Reason::first_process,
               "is the first process of the system, which must not come to harm", from_outside);
  refusals.add(evidence.is_kernel_thread, Reason::kernel_thread,
               "is a thread of the kernel and has no memory of its own", "");
  refusals.add(evidence.state == 'Z' || evidence.state == 'X', Reason::ended, "has ended", "");
  if (!refusals.empty()) {
    return;
  }
  refusals.add(evidence.facts.uid != asker.uid && asker.uid != 0 && !asker.may_trace_others,
               Reason::other_user,
               "runs as user " + std::to_string(evidence.facts.uid) + ", not as ours", as_root);
  const bool may_by_yama = evidence.yama == 0 ||
                           (evidence.yama == 1 && evidence.is_our_descendant) ||
                           (evidence.yama < 3 && asker.may_trace_others);
  refusals.add(
      !may_by_yama, Reason::yama,
      "is guarded by Yama (kernel.yama.ptrace_scope is " + std::to_string(evidence.yama) + ")",
      evidence.yama == 3 ? "restart the machine with kernel.yama.ptrace_scope below 3" : as_root);
  refusals.add(evidence.facts.tracer != 0, Reason::traced,
               "is traced by process " + std::to_string(evidence.facts.tracer) + " (" +
                   base::printable(evidence.tracer_name) + ")",
               "end that debugger first");
  refusals.add(evidence.state == 'T', Reason::stopped, "is stopped by a signal",
               "let it go on: kill -CONT " + std::to_string(evidence.facts.pid));
  refusals.add(refusals.empty() && !evidence.denied.empty(), Reason::unreadable,
               "cannot be read: " + evidence.denied, evidence.denied_remedy);
}

/// What it was built for.
void judge_program(const Evidence& evidence, Refusals& refusals) {
  const Program& program = evidence.program;
  refusals.add(evidence.elf_class != 0 &&
                   (evidence.elf_class != ELFCLASS64 || evidence.elf_machine != EM_X86_64),
               Reason::other_architecture,
               evidence.elf_class == ELFCLASS32 && evidence.elf_machine == EM_X86_64
                   ? "is an x32 program"
               : evidence.elf_class == ELFCLASS32 ? "is a program of 32 bits"
                                                  : "is a program of another architecture",
               from_outside);
  if (!refusals.empty()) {
    return;
  }
  if (!evidence.has_loader || program.library == Library::none) {
    refusals.add(true, Reason::no_libc,
                 "is linked statically (as Go is without cgo): there is no C library to call",
                 std::string(from_outside) + "; Go's profiles have Go's heap");
    return;
  }
  refusals.add(program.library == Library::musl, Reason::musl,
               "runs on musl (" + base::printable(program.library_path) +
                   "), into which our library cannot be loaded",
               from_outside);
  refusals.add(program.library == Library::other, Reason::other_libc,
               "runs on a C library that is not glibc", from_outside);
  refusals.add(program.library == Library::old_glibc, Reason::old_glibc,
               "runs on a glibc older than 2.34 (" + base::printable(program.library_path) + ")",
               "heapwatch exec runs on it; restart it there");
  const bool is_complete = program.dlopen != 0 && program.dlsym != 0 && program.dlerror != 0 &&
                           program.pthread_create != 0 && program.pthread_detach != 0 &&
                           program.errno_location != 0 && program.system_call != 0 &&
                           program.sigreturn != 0 && program.loader.size() != 0;
  refusals.add(program.library == Library::glibc && !is_complete, Reason::incomplete_libc,
               "runs on a glibc in which not all is found that an attach calls (" +
                   base::printable(program.library_path) + ")",
               restart_watched);
  refusals.add(!program.sanitizer.empty(), Reason::sanitizer,
               "was built with a sanitizer (" + base::printable(program.sanitizer) +
                   "), which keeps its memory",
               "the sanitizer tells of leaks itself");
  refusals.add(program.is_under_valgrind, Reason::valgrind, "runs under valgrind",
               "valgrind tells of leaks itself");
  refusals.add(program.sanitizer.empty() && program.defines_malloc, Reason::own_malloc,
               "has a malloc of its own in the program, whose calls cannot be redirected",
               from_outside);
}

/// What its limits leave room for.
void judge_limits(const Evidence& evidence, Refusals& refusals) {
  refusals.add(evidence.facts.seccomp == 1, Reason::seccomp_strict,
               "is in the strict mode of seccomp, in which it may only read and write",
               from_outside);
  refusals.add(evidence.locked > 0, Reason::locked_memory,
               "has locked memory (" + base::counted(evidence.locked, "byte") +
                   "): with mlockall our tables would become resident as a whole",
               restart_watched);
  const std::uint64_t room =
      evidence.address_space_max && *evidence.address_space_max > evidence.address_space
          ? *evidence.address_space_max - evidence.address_space
          : 0;
  refusals.add(evidence.address_space_max && room < address_space_needed, Reason::address_space,
               "may map " + base::counted(room, "byte") + " more (RLIMIT_AS), and " +
                   base::counted(address_space_needed, "byte") + " are needed",
               "raise it: prlimit --pid " + std::to_string(evidence.facts.pid) + " --as=unlimited");
  refusals.add(evidence.has_shadow_stack, Reason::shadow_stack,
               "has a shadow stack, under which a thread cannot be sent elsewhere and back",
               "restart it without: GLIBC_TUNABLES=glibc.cpu.x86_shstk=off");
  refusals.add(!evidence.sees_proc, Reason::no_proc,
               "has no /proc where its root is, through which the library is loaded",
               "mount one there");
}

}  // namespace

std::vector<Refusal> judge(const Evidence& evidence) {
  Refusals refusals;
  judge_rights(evidence, refusals);
  if (refusals.empty()) {
    judge_program(evidence, refusals);
  }
  if (refusals.empty()) {
    judge_limits(evidence, refusals);
  }
  return refusals.take();
}

std::string unknown_python(const std::string& name) {
  return name + " is not known (" + preload::python::known_versions +
         " are), and its own remote execution is not used: what it has of malloc counts as native, "
         "its small blocks are not seen";
}

std::string free_threaded_python(const std::string& name) {
  return name +
         " has no lock for all threads (it is free-threaded), under which its allocators "
         "could be changed: what it has of malloc counts as native, its small blocks are not "
         "seen";
}

namespace {

/// Empty: as far as is known, nothing.
std::string what_speaks_against(const Program& program) {
  const int minor = program.python_minor;
  const std::string name = "CPython 3." + std::to_string(minor);
  if (program.python_is_free_threaded) {
    return free_threaded_python(name);
  }
  const bool is_known =
      minor >= preload::python::first_known_minor && minor <= preload::python::last_known_minor;
  return minor == 0 || is_known ? std::string() : unknown_python(name);
}

}  // namespace

std::optional<Refusal> judge_python(const Program& program) {
  if (program.python_path.empty()) {
    return Refusal{Reason::no_python, "has no CPython", from_outside};
  }
  const std::string why = what_speaks_against(program);
  return why.empty() ? std::nullopt
                     : std::optional(Refusal{Reason::no_python,
                                             "has only a CPython that cannot be watched: " + why,
                                             from_outside});
}

std::string named(const Evidence& evidence) {
  return "process " + std::to_string(evidence.facts.pid) + " (" +
         base::printable(evidence.facts.command) + ")";
}

std::string to_text(const Evidence& evidence, const std::vector<Refusal>& refusals) {
  std::string text;
  for (const Refusal& refusal : refusals) {
    text += "cannot attach to " + named(evidence) + ": it " + refusal.why + "\n";
    if (!refusal.remedy.empty()) {
      text += "  what helps: " + refusal.remedy + "\n";
    }
  }
  return text;
}

std::string plan_text(const Evidence& evidence) {
  const Program& program = evidence.program;
  const bool is_alone = evidence.facts.threads == 1;
  std::string text = named(evidence) + " can be attached to\n";
  if (!program.our_library_path.empty()) {
    return text + "  our library is there already and will be switched on; nothing is injected\n";
  }
  text += "  stop: one of " + base::counted(evidence.facts.threads, "thread") +
          (is_alone ? ", until the library is there, some milliseconds\n"
                    : ", for as long as pthread_create takes, below a millisecond as a rule\n");
  text += "  called on it: pthread_create of " + base::printable(program.library_path) + "\n";
  text += "  the new thread loads our library and redirects malloc of " +
          base::printable(program.allocator_path) + " to it\n";
  if (!program.python_path.empty()) {
    const std::string why = what_speaks_against(program);
    text += why.empty() ? "  then it puts hooks on the allocators of CPython (" +
                              base::printable(program.python_path) + "), under its lock\n"
                        : "  " + why + "\n";
  }
  if (evidence.facts.seccomp != 0) {
    text += "  its seccomp filter is read when the thread is stopped, before anything is changed\n";
  }
  return text;
}

}  // namespace heapwatch::attach
