#include "attach/refusals.h"

#include <elf.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/ptrace.h>

#include <fstream>

#include "target.h"

namespace heapwatch::attach {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using tests::Target;

std::vector<Reason> reasons(const Evidence& evidence) {
  std::vector<Reason> found;
  for (const Refusal& refusal : judge(evidence)) {
    found.push_back(refusal.reason);
    EXPECT_FALSE(refusal.why.empty());
  }
  return found;
}

Evidence seen(int pid) {
  auto found = gather(pid, ourselves());
  if (!found) {
    ADD_FAILURE() << found.error().message;
    return {};
  }
  return found->evidence;
}

/// A process that may be attached to.
Evidence fit() {
  Evidence evidence{.facts = {.pid = 12, .command = "a", .uid = 7, .threads = 3},
                    .asker = {.pid = 99, .uid = 7},
                    .state = 'S',
                    .address_space = 1 << 20,
                    .elf_class = ELFCLASS64,
                    .elf_machine = EM_X86_64,
                    .has_loader = true};
  evidence.program = {.library = Library::glibc,
                      .library_path = "/lib/libc.so.6",
                      .allocator_path = "/lib/libc.so.6",
                      .dlopen = 1,
                      .dlsym = 2,
                      .dlerror = 3,
                      .pthread_create = 4,
                      .pthread_detach = 5,
                      .errno_location = 8,
                      .system_call = 6,
                      .sigreturn = 7,
                      .loader = {100, 200}};
  return evidence;
}

TEST(Refusals, a_program_with_threads_on_glibc_is_not_refused) {
  const Target target(TARGET_PROGRAM, {"churn", "2"});
  const Evidence evidence = seen(target.pid());
  EXPECT_THAT(judge(evidence), IsEmpty());
  EXPECT_THAT(evidence.program.allocator_path, HasSubstr("libc.so.6"));
  EXPECT_THAT(plan_text(evidence), HasSubstr("one of 3 threads"));
}

TEST(Refusals, made_evidence_without_a_flaw_is_not_refused) {
  EXPECT_THAT(judge(fit()), IsEmpty());
}

TEST(Refusals, we_do_not_attach_to_ourselves) {
  EXPECT_THAT(reasons(seen(getpid())), ElementsAre(Reason::ourselves));
}

TEST(Refusals, the_first_process_is_refused) {
  Evidence evidence = fit();
  evidence.facts.pid = 1;
  EXPECT_THAT(reasons(evidence), ElementsAre(Reason::first_process));
}

TEST(Refusals, a_thread_of_the_kernel_is_refused) {
  Evidence evidence = fit();
  evidence.is_kernel_thread = true;
  EXPECT_THAT(reasons(evidence), ElementsAre(Reason::kernel_thread));
}

TEST(Refusals, a_process_that_has_ended_is_refused) {
  const int child = fork();
  if (child == 0) {
    _exit(0);
  }
  siginfo_t info{};
  waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
  EXPECT_THAT(reasons(seen(child)), ElementsAre(Reason::ended));
  waitpid(child, nullptr, 0);
  const auto gone = gather(child, ourselves());
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().message, "there is no process " + std::to_string(child));
}

TEST(Refusals, a_process_of_another_user_is_refused_unless_we_are_root) {
  Evidence evidence = fit();
  evidence.facts.uid = 8;
  EXPECT_THAT(reasons(evidence), ElementsAre(Reason::other_user));
  evidence.asker.may_trace_others = true;
  EXPECT_THAT(judge(evidence), IsEmpty());
  evidence.asker = {.pid = 99, .uid = 0};
  EXPECT_THAT(judge(evidence), IsEmpty());
}

TEST(Refusals, yama_is_told_with_its_setting) {
  Evidence evidence = fit();
  evidence.yama = 1;
  EXPECT_THAT(reasons(evidence), ElementsAre(Reason::yama));
  evidence.is_our_descendant = true;
  EXPECT_THAT(judge(evidence), IsEmpty());
  evidence.yama = 2;
  EXPECT_THAT(reasons(evidence), ElementsAre(Reason::yama));
  evidence.asker.may_trace_others = true;
  EXPECT_THAT(judge(evidence), IsEmpty());
  evidence.yama = 3;
  ASSERT_THAT(reasons(evidence), ElementsAre(Reason::yama));
  EXPECT_THAT(to_text(evidence, judge(evidence)), HasSubstr("kernel.yama.ptrace_scope is 3"));
}

TEST(Refusals, a_stopped_process_is_refused_and_stays_stopped) {
  Target target(TARGET_PROGRAM, {"idle"});
  kill(target.pid(), SIGSTOP);
  int status = 0;
  waitpid(target.pid(), &status, WUNTRACED);
  const Evidence evidence = seen(target.pid());
  EXPECT_THAT(reasons(evidence), ElementsAre(Reason::stopped));
  EXPECT_EQ(to_text(evidence, judge(evidence)),
            "cannot attach to process " + std::to_string(target.pid()) +
                " (attach_target): it is stopped by a signal\n  what helps: let it go on: kill "
                "-CONT " +
                std::to_string(target.pid()) + "\n");
  EXPECT_EQ(seen(target.pid()).state, 'T');
  kill(target.pid(), SIGCONT);
  EXPECT_EQ(target.end(), "checked 0");
}

TEST(Refusals, a_traced_process_is_refused_with_who_traces_it) {
  Target target(TARGET_PROGRAM, {"idle"});
  ASSERT_EQ(ptrace(PTRACE_SEIZE, target.pid(), 0, 0), 0);
  const Evidence evidence = seen(target.pid());
  ASSERT_THAT(reasons(evidence), ElementsAre(Reason::traced));
  EXPECT_THAT(judge(evidence).front().why,
              "is traced by process " + std::to_string(getpid()) + " (attach_test)");
  ptrace(PTRACE_INTERRUPT, target.pid(), 0, 0);
  waitpid(target.pid(), nullptr, 0);
  ptrace(PTRACE_DETACH, target.pid(), 0, 0);
  EXPECT_EQ(target.end(), "checked 0");
}

TEST(Refusals, a_process_that_cannot_be_read_is_refused) {
  Evidence evidence = fit();
  evidence.denied = "it is not dumpable";
  EXPECT_THAT(reasons(evidence), ElementsAre(Reason::unreadable));
}

TEST(Refusals, a_static_program_is_refused) {
  const Target target(STATIC_TARGET_PROGRAM, {"idle"});
  EXPECT_THAT(reasons(seen(target.pid())), ElementsAre(Reason::no_libc));
}

TEST(Refusals, programs_of_other_architectures_are_refused) {
  Evidence evidence = fit();
  evidence.elf_machine = EM_AARCH64;
  EXPECT_THAT(reasons(evidence), ElementsAre(Reason::other_architecture));
  evidence.elf_machine = EM_386;
  evidence.elf_class = ELFCLASS32;
  EXPECT_EQ(judge(evidence).front().why, "is a program of 32 bits");
  evidence.elf_machine = EM_X86_64;
  EXPECT_EQ(judge(evidence).front().why, "is an x32 program");
}

TEST(Refusals, other_libraries_are_refused_by_name) {
  Evidence evidence = fit();
  evidence.program.library = Library::musl;
  evidence.program.library_path = "/lib/ld-musl-x86_64.so.1";
  EXPECT_THAT(reasons(evidence), ElementsAre(Reason::musl));
  EXPECT_THAT(judge(evidence).front().why, HasSubstr("/lib/ld-musl-x86_64.so.1"));
  evidence.program.library = Library::other;
  EXPECT_THAT(reasons(evidence), ElementsAre(Reason::other_libc));
  evidence.program.library = Library::old_glibc;
  EXPECT_THAT(reasons(evidence), ElementsAre(Reason::old_glibc));
}

TEST(Refusals, a_glibc_that_lacks_what_is_called_is_refused) {
  Evidence evidence = fit();
  evidence.program.sigreturn = 0;
  EXPECT_THAT(reasons(evidence), ElementsAre(Reason::incomplete_libc));
}

TEST(Refusals, a_program_with_the_address_sanitizer_is_refused) {
  const Target target(SANITIZED_TARGET_PROGRAM, {"idle"});
  const Evidence evidence = seen(target.pid());
  ASSERT_THAT(reasons(evidence), ElementsAre(Reason::sanitizer));
  EXPECT_THAT(judge(evidence).front().why, HasSubstr("__asan_init"));
}

TEST(Refusals, valgrind_is_refused) {
  Evidence evidence = fit();
  evidence.program.is_under_valgrind = true;
  EXPECT_THAT(reasons(evidence), ElementsAre(Reason::valgrind));
}

TEST(Refusals, a_program_that_defines_malloc_is_refused) {
  const Target target(OWN_MALLOC_TARGET_PROGRAM, {"idle"});
  EXPECT_THAT(reasons(seen(target.pid())), ElementsAre(Reason::own_malloc));
}

TEST(Refusals, strict_seccomp_is_refused) {
  Evidence evidence = fit();
  evidence.facts.seccomp = 1;
  EXPECT_THAT(reasons(evidence), ElementsAre(Reason::seccomp_strict));
}

TEST(Refusals, locked_memory_is_refused) {
  const Target target(TARGET_PROGRAM, {"locked"});
  const Evidence evidence = seen(target.pid());
  ASSERT_GT(evidence.locked, 0);
  EXPECT_THAT(reasons(evidence), ElementsAre(Reason::locked_memory));
}

TEST(Refusals, a_limit_of_address_space_without_room_is_refused) {
  const Target target(TARGET_PROGRAM, {"limited"});
  const Evidence evidence = seen(target.pid());
  EXPECT_EQ(evidence.address_space_max, std::uint64_t{128} << 20);
  ASSERT_THAT(reasons(evidence), ElementsAre(Reason::address_space));
  EXPECT_THAT(to_text(evidence, judge(evidence)), HasSubstr("--as=unlimited"));
}

TEST(Refusals, a_shadow_stack_is_refused) {
  Evidence evidence = fit();
  evidence.has_shadow_stack = true;
  EXPECT_THAT(reasons(evidence), ElementsAre(Reason::shadow_stack));
}

TEST(Refusals, a_root_without_proc_is_refused) {
  Evidence evidence = fit();
  evidence.sees_proc = false;
  EXPECT_THAT(reasons(evidence), ElementsAre(Reason::no_proc));
}

TEST(Refusals, names_of_strangers_are_made_fit_to_be_read) {
  Evidence evidence = fit();
  evidence.facts.command = "a\x1b[2J";
  evidence.facts.pid = 1;
  EXPECT_EQ(to_text(evidence, judge(evidence)).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace heapwatch::attach
