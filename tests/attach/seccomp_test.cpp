#include "attach/seccomp.h"

#include <gmock/gmock.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>

namespace heapwatch::attach {
namespace {

constexpr unsigned data_at(std::size_t offset) {
  return static_cast<unsigned>(offset);
}
constexpr unsigned number_at = data_at(offsetof(seccomp_data, nr));

sock_filter load(unsigned offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset);
}
sock_filter answer(unsigned action) {
  return BPF_STMT(BPF_RET | BPF_K, action);
}
sock_filter if_equal(unsigned value, unsigned char then, unsigned char otherwise) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise);
}

Filter but_for(unsigned number, unsigned action) {
  return {load(number_at), if_equal(number, 0, 1), answer(action), answer(SECCOMP_RET_ALLOW)};
}

std::optional<std::string_view> judged(const std::vector<Filter>& filters) {
  return first_forbidden(filters, 0x1000);
}

TEST(Seccomp, no_filter_and_one_that_allows_all_are_no_obstacle) {
  EXPECT_EQ(judged({}), std::nullopt);
  EXPECT_EQ(judged({{answer(SECCOMP_RET_ALLOW)}, {answer(SECCOMP_RET_LOG)}}), std::nullopt);
}

TEST(Seccomp, what_kills_traps_or_fails_a_call_is_found_by_its_name) {
  for (const unsigned action :
       {unsigned{SECCOMP_RET_KILL_PROCESS}, unsigned{SECCOMP_RET_KILL_THREAD},
        unsigned{SECCOMP_RET_TRAP}, unsigned{SECCOMP_RET_TRACE}, unsigned{SECCOMP_RET_USER_NOTIF},
        unsigned{SECCOMP_RET_ERRNO} | 1U}) {
    EXPECT_EQ(judged({but_for(SYS_memfd_create, action)}), "memfd_create");
  }
  EXPECT_EQ(judged({but_for(SYS_ptrace, SECCOMP_RET_KILL_PROCESS)}), std::nullopt);
}

TEST(Seccomp, the_strictest_of_several_counts) {
  EXPECT_EQ(judged({{answer(SECCOMP_RET_ALLOW)}, but_for(SYS_futex, SECCOMP_RET_KILL_PROCESS)}),
            "futex");
}

TEST(Seccomp, arguments_are_looked_at) {
  // As programs forbid to make memory executable.
  const Filter filter{load(number_at),
                      if_equal(SYS_mmap, 0, 3),
                      load(offsetof(seccomp_data, args) + 2 * 8),
                      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
                      answer(SECCOMP_RET_ERRNO | 1U),
                      answer(SECCOMP_RET_ALLOW)};
  EXPECT_EQ(judged({filter}), "mmap");
}

TEST(Seccomp, a_new_call_that_is_said_to_be_missing_is_no_obstacle) {
  constexpr unsigned no_such_call = 38;
  EXPECT_EQ(judged({but_for(SYS_clone3, SECCOMP_RET_ERRNO | no_such_call)}), std::nullopt);
  EXPECT_EQ(judged({but_for(SYS_clone3, SECCOMP_RET_ERRNO | 1U)}), "clone3");
  EXPECT_EQ(judged({but_for(SYS_rseq, SECCOMP_RET_ERRNO | 1U)}), std::nullopt);
}

TEST(Seccomp, the_architecture_is_ours) {
  EXPECT_EQ(judged({{load(offsetof(seccomp_data, arch)), if_equal(AUDIT_ARCH_X86_64, 0, 1),
                     answer(SECCOMP_RET_ALLOW), answer(SECCOMP_RET_KILL_PROCESS)}}),
            std::nullopt);
}

TEST(Seccomp, all_kinds_of_instructions_are_run) {
  const AskedCall call{"a", 7, {1, 2, 3, 4, 5, 6}};
  const Filter filter{load(number_at),
                      BPF_STMT(BPF_ST, 3),
                      BPF_STMT(BPF_LDX | BPF_IMM, 5),
                      BPF_STMT(BPF_ALU | BPF_MUL | BPF_X, 0),  // 35
                      BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 7),  // 42
                      BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 2),  // 168
                      BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 1),  // 84
                      BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 4),  // 21
                      BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, 1),  // 20
                      BPF_STMT(BPF_ALU | BPF_OR | BPF_K, 3),   // 23
                      BPF_STMT(BPF_MISC | BPF_TAX, 0),
                      BPF_STMT(BPF_LD | BPF_MEM, 3),           // 7
                      BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0),  // -16
                      BPF_STMT(BPF_ALU | BPF_NEG, 0),          // 16
                      BPF_STMT(BPF_JMP | BPF_JA, 1),
                      answer(1),
                      BPF_STMT(BPF_RET | BPF_A, 0)};
  EXPECT_EQ(run_filter(filter, call, 0), 16);
}

TEST(Seccomp, what_the_kernel_does_not_take_is_an_obstacle) {
  const AskedCall call{"a", 7};
  EXPECT_EQ(run_filter({}, call, 0), std::nullopt);
  EXPECT_EQ(run_filter(Filter{load(1000)}, call, 0), std::nullopt);
  EXPECT_EQ(run_filter(Filter{load(number_at), BPF_STMT(BPF_JMP | BPF_JA, 0xffffffffU)}, call, 0),
            std::nullopt);
  EXPECT_EQ(run_filter(Filter{BPF_STMT(BPF_ST, 16), answer(0)}, call, 0), std::nullopt);
  EXPECT_EQ(run_filter(Filter{BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), answer(0)}, call, 0),
            std::nullopt);
  EXPECT_EQ(judged({{load(1000)}}), "mmap");
}

}  // namespace
}  // namespace heapwatch::attach
