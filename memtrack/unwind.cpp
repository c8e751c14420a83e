#include "memtrack/unwind.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>

#include "memtrack/books.h"
#include "memtrack/call_frame.h"
#include "memtrack/pages.h"
#include "memtrack/thread_block.h"

extern "C" void*
    __libc_stack_end;  // NOLINT(bugprone-reserved-identifier,readability-identifier-naming):
                       // glibc's

namespace heapwatch::memtrack {

namespace {

struct Registers {
  std::uintptr_t pc;
  std::uintptr_t sp;
  std::uintptr_t fp;
};

/// Rules by address. An entry is written and read in two halves without a lock: the key is the
/// address mixed with the rule, so that halves of different entries do not match.
class RuleCache {
 public:
  FrameRule find(std::uintptr_t address) {
    Slot& slot = slots_[(address * std::uintptr_t{0x9e3779b97f4a7c15U}) >> 52];
    const std::uint64_t packed = slot.rule.load(std::memory_order_relaxed);
    if ((slot.key.load(std::memory_order_relaxed) ^ packed) == address) {
      return unpack(packed);
    }
    const FrameRule rule = find_frame_rule(address);
    const std::uint64_t fresh = pack(rule);
    slot.key.store(address ^ fresh, std::memory_order_relaxed);
    slot.rule.store(fresh, std::memory_order_relaxed);
    return rule;
  }

 private:
  struct Slot {
    std::atomic<std::uint64_t> key{0};
    std::atomic<std::uint64_t> rule{0};
  };

  static std::uint64_t pack(const FrameRule& rule) {
    constexpr std::uint32_t mask = 0xffffff;
    return std::uint64_t{static_cast<std::uint8_t>(rule.kind)} |
           std::uint64_t{rule.cfa_from_rbp} << 2 | std::uint64_t{rule.cfa_deref} << 3 |
           std::uint64_t{static_cast<std::uint8_t>(rule.saved_rbp)} << 4 |
           std::uint64_t{static_cast<std::uint32_t>(rule.cfa_offset) & mask} << 16 |
           std::uint64_t{static_cast<std::uint32_t>(rule.rbp_offset) & mask} << 40;
  }

  static std::int32_t offset_at(std::uint64_t packed, unsigned bit) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(packed >> bit) << 8) >> 8;
  }

  static FrameRule unpack(std::uint64_t packed) {
    FrameRule rule;
    rule.kind = static_cast<FrameRule::Kind>(packed & 3U);
    rule.cfa_from_rbp = (packed >> 2 & 1U) != 0;
    rule.cfa_deref = (packed >> 3 & 1U) != 0;
    rule.saved_rbp = static_cast<FrameRule::Saved>(packed >> 4 & 3U);
    rule.cfa_offset = offset_at(packed, 16);
    rule.rbp_offset = offset_at(packed, 40);
    return rule;
  }

  Slot slots_[4096];
};

constinit RuleCache rules;

constexpr std::size_t stack_pages_max = 256;  // that are checked at once

/// Whether all pages from `low` up to `high` can be read.
bool is_readable(std::uintptr_t low, std::uintptr_t high) {
  constexpr std::size_t batch = 64;
  char bytes[batch];
  iovec pages[batch];
  while (low < high) {
    std::size_t count = 0;
    for (; count < batch && low < high; low += page_bytes, ++count) {
      // NOLINTNEXTLINE(performance-no-int-to-ptr): addresses to be tried
      pages[count] = {reinterpret_cast<void*>(low), 1};
    }
    const iovec into{bytes, count};
    if (process_vm_readv(getpid(), &into, 1, pages, count, 0) != static_cast<ssize_t>(count)) {
      return false;
    }
  }
  return true;
}

/// The stack of the thread may be read directly from the stack pointer up. glibc puts the thread's
/// control block at its upper end, which costs no lock to find, unlike pthread_getattr_np.
bool is_on_thread_stack(std::uintptr_t sp) {
  ThreadState& thread = thread_state;
  if (thread.stack_high == 0) {
    const bool is_main = getpid() == static_cast<pid_t>(syscall(SYS_gettid));
    thread.stack_high = is_main ? reinterpret_cast<std::uintptr_t>(__libc_stack_end)
                                : static_cast<std::uintptr_t>(pthread_self());
    thread.stack_low = thread.stack_high & ~(page_bytes - 1);
  }
  if (sp >= thread.stack_high) {
    return false;
  }
  if (sp >= thread.stack_low) {
    return true;
  }
  const std::uintptr_t low = sp & ~(page_bytes - 1);
  if (thread.stack_low - low > stack_pages_max * page_bytes ||
      !is_readable(low, thread.stack_low)) {
    return false;
  }
  thread.stack_low = low;
  return true;
}

/// Reads words of stacks: directly where that is known to be safe, else a page at a time through
/// the kernel.
class StackReader {
 public:
  explicit StackReader(std::uintptr_t sp)
      : low_(sp), high_(is_on_thread_stack(sp) ? thread_state.stack_high : sp) {}

  __attribute__((no_sanitize("address", "thread", "undefined"))) bool read(std::uintptr_t address,
                                                                           std::uintptr_t& word) {
    if (address % sizeof word != 0) {
      return false;
    }
    if (address >= low_ && address < high_) {
      // NOLINTNEXTLINE(performance-no-int-to-ptr): a word of the stack
      word = *reinterpret_cast<const volatile std::uintptr_t*>(address);
      return true;
    }
    if (address - window_address_ >= page_bytes || window_address_ == 0) {
      const std::uintptr_t page = address & ~(page_bytes - 1);
      if (page == 0 || read_memory(page, window_, page_bytes) != ReadOutcome::ok) {
        return false;
      }
      window_address_ = page;
    }
    word = window_[(address - window_address_) / sizeof word];
    return true;
  }

 private:
  std::uintptr_t low_;
  std::uintptr_t high_;
  std::uintptr_t window_address_ = 0;
  std::uintptr_t window_[page_bytes / sizeof(std::uintptr_t)];  // read only after it was filled
};

bool step_by_rule(const FrameRule& rule, StackReader& stack, Registers& registers) {
  std::uintptr_t cfa = (rule.cfa_from_rbp ? registers.fp : registers.sp) +
                       static_cast<std::uintptr_t>(std::intptr_t{rule.cfa_offset});
  if (rule.cfa_deref && !stack.read(cfa, cfa)) {
    return false;
  }
  if (cfa <= registers.sp) {
    return false;
  }
  Registers next{0, cfa, registers.fp};
  if (!stack.read(cfa - sizeof(std::uintptr_t), next.pc)) {
    return false;
  }
  if (rule.saved_rbp != FrameRule::Saved::same) {
    const std::uintptr_t base = rule.saved_rbp == FrameRule::Saved::at_cfa ? cfa : registers.fp;
    if (!stack.read(base + static_cast<std::uintptr_t>(std::intptr_t{rule.rbp_offset}), next.fp)) {
      return false;
    }
  }
  registers = next;
  return true;
}

/// Frame pointers lead upwards, except where a thread changes stacks, as Go does around a call of
/// C: once for each call of C that a call back into Go stands in.
bool step_by_frame_pointer(StackReader& stack, Registers& registers, unsigned& stack_changes) {
  constexpr unsigned stack_changes_max = 16;
  if (registers.fp < registers.sp && ++stack_changes > stack_changes_max) {
    return false;
  }
  Registers next{0, registers.fp + 2 * sizeof(std::uintptr_t), 0};
  if (!stack.read(registers.fp + sizeof(std::uintptr_t), next.pc) ||
      !stack.read(registers.fp, next.fp)) {
    return false;
  }
  registers = next;
  return true;
}

[[gnu::always_inline]] inline Registers here() {
  Registers registers{};
#if defined(__x86_64__)
  asm volatile("lea 0(%%rip), %0\n\tmov %%rsp, %1\n\tmov %%rbp, %2"
               : "=r"(registers.pc), "=r"(registers.sp), "=r"(registers.fp));
#else
  registers.fp = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  registers.sp = registers.fp;
#endif
  return registers;
}

}  // namespace

[[gnu::noinline]] std::size_t unwind(const void* caller, std::uintptr_t* stack,
                                     std::size_t depth_max) noexcept {
  constexpr unsigned own_frames_max = 16;
  const auto first = reinterpret_cast<std::uintptr_t>(caller);
  Registers registers = here();
  StackReader reader(registers.sp);
  unsigned stack_changes = 0;
  unsigned own_frames = 0;
  std::size_t depth = 0;
  std::uintptr_t address = registers.pc;  // inside the instruction that is being executed
  while (depth < depth_max) {
    const FrameRule rule = rules.find(address);
    const bool stepped = rule.kind == FrameRule::Kind::call_frame
                             ? step_by_rule(rule, reader, registers)
                             : rule.kind == FrameRule::Kind::unknown &&
                                   step_by_frame_pointer(reader, registers, stack_changes);
    if (!stepped || registers.pc < page_bytes) {
      break;
    }
    address = registers.pc - 1;
    if (depth == 0 && registers.pc != first) {
      if (++own_frames > own_frames_max) {
        break;
      }
      continue;
    }
    stack[depth++] = registers.pc;
  }
  if (depth == 0 && depth_max > 0) {
    stack[depth++] = first;  // what is known without unwinding
  }
  return depth;
}

}  // namespace heapwatch::memtrack
