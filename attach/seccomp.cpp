#include "attach/seccomp.h"

#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace heapwatch::attach {

namespace {

constexpr std::uint64_t all_threads =
    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;

constexpr std::array<AskedCall, 30> needed{{
    {"mmap", SYS_mmap, {0, 262144, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, ~0ULL, 0}},
    {"mmap", SYS_mmap, {0, 65536, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_DENYWRITE, 3, 0}},
    {"mmap", SYS_mmap, {0, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0}},
    {"mprotect", SYS_mprotect, {4096, 4096, PROT_READ | PROT_WRITE}},
    {"munmap", SYS_munmap, {4096, 4096}},
    {"memfd_create", SYS_memfd_create, {4096, 1}},
    {"openat", SYS_openat, {static_cast<std::uint32_t>(-100), 4096, 0x80000}},
    {"fstat", SYS_newfstatat, {3, 4096, 4096, 0x1000}},
    {"pread64", SYS_pread64, {3, 4096, 832, 64}},
    {"read", SYS_read, {3, 4096, 832}},
    {"close", SYS_close, {3}},
    {"clone3", SYS_clone3, {4096, 88}},
    {"clone", SYS_clone, {all_threads, 4096}},
    {"rseq", SYS_rseq, {4096, 32, 0, 0x53053053}},
    {"set_robust_list", SYS_set_robust_list, {4096, 24}},
    {"rt_sigprocmask", SYS_rt_sigprocmask, {0, 4096, 4096, 8}},
    {"rt_sigreturn", SYS_rt_sigreturn, {}},
    {"pselect6", SYS_pselect6, {0, 0, 0, 0, 4096, 0}},
    {"nanosleep", SYS_clock_nanosleep, {0, 0, 4096, 0}},
    {"madvise", SYS_madvise, {4096, 4096, MADV_DONTNEED}},
    {"futex", SYS_futex, {4096, 0x80}},
    {"exit", SYS_exit, {0}},
    {"getpid", SYS_getpid, {}},
    {"gettid", SYS_gettid, {}},
    {"ftruncate", SYS_ftruncate, {3, 65536}},
    {"fcntl", SYS_fcntl, {3, 1030, 1000}},
    {"readlink", SYS_readlink, {4096, 4096, 4096}},
    {"process_vm_readv", SYS_process_vm_readv, {1, 4096, 1, 4096, 1, 0}},
    {"write", SYS_write, {2, 4096, 1}},
    {"lseek", SYS_lseek, {3, 0, 0}},
}};

/// Words of the kernel's struct seccomp_data.
std::uint32_t word_of(const AskedCall& call, std::uint64_t instruction, std::uint32_t offset) {
  seccomp_data data{};
  data.nr = static_cast<int>(call.number);
  data.arch = AUDIT_ARCH_X86_64;
  data.instruction_pointer = instruction;
  static_assert(sizeof data.args == sizeof call.arguments);
  std::memcpy(data.args, call.arguments, sizeof data.args);
  std::uint32_t word = 0;
  std::memcpy(&word, reinterpret_cast<const char*>(&data) + offset, sizeof word);
  return word;
}

struct Machine {
  std::uint32_t a = 0;
  std::uint32_t x = 0;
  std::array<std::uint32_t, BPF_MEMWORDS> memory{};
};

/// False for what the kernel does not take in such filters.
bool calculate(Machine& machine, const sock_filter& instruction) {
  const std::uint32_t operand = BPF_SRC(instruction.code) == BPF_X ? machine.x : instruction.k;
  switch (BPF_OP(instruction.code)) {
    case BPF_ADD:
      machine.a += operand;
      return true;
    case BPF_SUB:
      machine.a -= operand;
      return true;
    case BPF_MUL:
      machine.a *= operand;
      return true;
    case BPF_DIV:
      machine.a = operand == 0 ? 0 : machine.a / operand;
      return operand != 0;
    case BPF_OR:
      machine.a |= operand;
      return true;
    case BPF_AND:
      machine.a &= operand;
      return true;
    case BPF_XOR:
      machine.a ^= operand;
      return true;
    case BPF_LSH:
      machine.a = operand < 32 ? machine.a << operand : 0;
      return true;
    case BPF_RSH:
      machine.a = operand < 32 ? machine.a >> operand : 0;
      return true;
    case BPF_NEG:
      machine.a = 0U - machine.a;
      return true;
    default:
      return false;
  }
}

/// How far to go on behind a jump.
std::optional<std::uint32_t> jump(const Machine& machine, const sock_filter& instruction) {
  const std::uint32_t operand = BPF_SRC(instruction.code) == BPF_X ? machine.x : instruction.k;
  bool holds = false;
  switch (BPF_OP(instruction.code)) {
    case BPF_JA:
      return instruction.k;
    case BPF_JEQ:
      holds = machine.a == operand;
      break;
    case BPF_JGT:
      holds = machine.a > operand;
      break;
    case BPF_JGE:
      holds = machine.a >= operand;
      break;
    case BPF_JSET:
      holds = (machine.a & operand) != 0;
      break;
    default:
      return std::nullopt;
  }
  return holds ? instruction.jt : instruction.jf;
}

/// Loads, stores and moves between registers. False for what such filters do not have.
bool move(Machine& machine, const sock_filter& instruction, const AskedCall& call,
          std::uint64_t from) {
  std::uint32_t loaded = 0;
  const auto cell = [&]() -> std::uint32_t* {
    return instruction.k < machine.memory.size() ? &machine.memory[instruction.k] : nullptr;
  };
  switch (BPF_CLASS(instruction.code)) {
    case BPF_ST:
    case BPF_STX:
      if (cell() == nullptr) {
        return false;
      }
      *cell() = BPF_CLASS(instruction.code) == BPF_ST ? machine.a : machine.x;
      return true;
    case BPF_MISC:
      if (BPF_MISCOP(instruction.code) == BPF_TAX) {
        machine.x = machine.a;
      } else {
        machine.a = machine.x;
      }
      return true;
    default:
      break;
  }
  switch (BPF_MODE(instruction.code)) {
    case BPF_ABS:
      if (instruction.k % 4 != 0 || instruction.k + 4 > sizeof(seccomp_data)) {
        return false;
      }
      loaded = word_of(call, from, instruction.k);
      break;
    case BPF_IMM:
      loaded = instruction.k;
      break;
    case BPF_LEN:
      loaded = sizeof(seccomp_data);
      break;
    case BPF_MEM:
      if (cell() == nullptr) {
        return false;
      }
      loaded = *cell();
      break;
    default:
      return false;
  }
  (BPF_CLASS(instruction.code) == BPF_LD ? machine.a : machine.x) = loaded;
  return true;
}

}  // namespace

std::optional<std::uint32_t> run_filter(std::span<const sock_filter> filter, const AskedCall& call,
                                        std::uint64_t instruction) {
  Machine machine;
  // Jumps lead forwards alone, so this ends.
  for (std::size_t at = 0; at < filter.size(); ++at) {
    const sock_filter& one = filter[at];
    switch (BPF_CLASS(one.code)) {
      case BPF_RET:
        return BPF_RVAL(one.code) == BPF_A ? machine.a : one.k;
      case BPF_ALU:
        if (!calculate(machine, one)) {
          return std::nullopt;
        }
        break;
      case BPF_JMP: {
        const auto distance = jump(machine, one);
        if (!distance) {
          return std::nullopt;
        }
        at += *distance;
        break;
      }
      default:
        if (!move(machine, one, call, instruction)) {
          return std::nullopt;
        }
    }
  }
  return std::nullopt;
}

std::optional<std::string_view> first_forbidden(std::span<const Filter> filters,
                                                std::uint64_t instruction) {
  for (const AskedCall& call : needed) {
    for (const Filter& filter : filters) {
      const auto action = run_filter(filter, call, instruction);
      const std::uint32_t kind = action ? *action & SECCOMP_RET_ACTION_FULL : 0;
      // An error that is told is no harm where the C library tries another way; a new call of the
      // kernel is refused so by old filters.
      const bool is_missing = kind == SECCOMP_RET_ERRNO &&
                              (call.name == "rseq" ||
                               (call.name == "clone3" && (*action & SECCOMP_RET_DATA) == ENOSYS));
      if (!action || (kind != SECCOMP_RET_ALLOW && kind != SECCOMP_RET_LOG && !is_missing)) {
        return call.name;
      }
    }
  }
  return std::nullopt;
}

}  // namespace heapwatch::attach
