// The way in.
//
// First the room: any thread that stands on a stack of its own is stopped and makes three system
// calls for us: memory for code and data, and a file in memory. It makes each by a `syscall; ret`
// of the C library, with a signal frame on its stack below what it uses: should we die at any
// moment, the call returns to rt_sigreturn, which puts the thread back where it was.
//
// The room is filled while nothing stands still. Then a thread is sought that holds no lock of the
// allocator (attach/safe_point.h): running ones first, then sleeping ones, those that wait for a
// lock last. It is sent to our code (attach/stubs.cpp), which calls pthread_create alone, while all
// others run on, so that what it may wait for is released. It is taken back as soon as it returns,
// or after 200 ms. All else happens on the new thread, for which nobody waits, but in a process of
// one thread: there nothing may allocate without locks while the library is being loaded.
#include "attach/injection.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include "attach/held_thread.h"
#include "attach/safe_point.h"
#include "attach/seccomp.h"
#include "attach/stubs.h"
#include "attach/target_memory.h"
#include "base/descriptor.h"
#include "base/descriptor_output.h"
#include "base/file.h"
#include "base/printable.h"
#include "preload/attach.h"

namespace heapwatch::attach {

namespace {

using Clock = std::chrono::steady_clock;
using memory::process::Range;
using preload::Borrowed;
using preload::Fresh;
using preload::Room;

constexpr std::uint64_t page = memory::process::page_bytes;
constexpr std::uint64_t room_bytes = std::uint64_t{256} * 1024;
constexpr std::uint64_t data_at = page;
constexpr std::uint64_t frame_at = 2 * page;
static_assert(sizeof(Room) <= frame_at - data_at && frame_bytes_max <= 14 * page);
constexpr std::size_t library_bytes_max = std::size_t{256} << 20;

/// Faults of the code that runs are seen.
constexpr std::uint64_t mask_while_borrowed =
    ~(1ULL << (SIGSEGV - 1) | 1ULL << (SIGBUS - 1) | 1ULL << (SIGILL - 1) | 1ULL << (SIGFPE - 1) |
      1ULL << (SIGTRAP - 1));

/// A borrowed thread goes back by itself after so many turns of a millisecond.
constexpr int turns = 1000;
constexpr std::uint64_t turn_ns = 1'000'000;

class Injector {
 public:
  Injector(const Evidence& evidence, const InjectionOptions& options, TargetMemory memory)
      : pid_(evidence.facts.pid),
        program_(evidence.program),
        has_filter_(evidence.facts.seccomp != 0),
        options_(options),
        memory_(std::move(memory)) {}

  [[nodiscard]] base::Result<Injection> inject();

 private:
  enum class Use { system_calls, calls };
  /// What a search for a thread found: held, and how it was.
  struct Found {
    std::unique_ptr<HeldThread> thread;
    ThreadState state;
    Clock::time_point since;
  };

  void at(Step step) const {
    if (options_.at_step) {
      options_.at_step(step);
    }
  }
  [[nodiscard]] base::Result<Found> find_thread(Use use);
  using Mappings = std::vector<memory::process::Mapping>;
  [[nodiscard]] std::optional<std::string_view> why_not(const ThreadState& state, Use use,
                                                        int round, const Mappings& mappings) const;
  [[nodiscard]] Range section_of(const ThreadState& state) const;
  [[nodiscard]] base::Result<void> ask_filters(const HeldThread& thread) const;
  [[nodiscard]] base::Result<void> make_room();
  [[nodiscard]] base::Result<void> make_room_on(Found& found);
  [[nodiscard]] base::Result<std::uint64_t> call(Found& found, const user_regs_struct& registers);
  [[nodiscard]] base::Result<void> give_back(Found& found, Step before, Step after);
  [[nodiscard]] base::Result<void> fill_file() const;
  [[nodiscard]] base::Result<void> fill_room();
  enum class Tried { created, hung };
  [[nodiscard]] base::Result<Tried> try_create();
  [[nodiscard]] base::Result<void> borrow(Found& found);
  [[nodiscard]] base::Result<bool> wait_while_borrowed(Found& found, bool is_alone);
  [[nodiscard]] base::Result<void> wait_for_library();
  [[nodiscard]] base::Result<Room> room() const { return memory_.get<Room>(room_ + data_at); }
  void note_stop(const Found& found) {
    const std::chrono::duration<double, std::milli> time = Clock::now() - found.since;
    result_.stopped_ms = std::max(result_.stopped_ms, time.count());
  }

  int pid_;
  Program program_;
  bool has_filter_;
  const InjectionOptions& options_;
  TargetMemory memory_;
  std::uint64_t room_ = 0;
  int file_ = -1;  // a descriptor of the process
  Injection result_;
};

Range Injector::section_of(const ThreadState& state) const {
  struct Section {
    std::uint32_t version;
    std::uint32_t flags;
    std::uint64_t start;
    std::uint64_t bytes;
    std::uint64_t abort;
  };
  if (state.rseq_section == 0) {
    return {};
  }
  const auto section = memory_.get<Section>(state.rseq_section);
  return section ? Range{section->start, section->start + section->bytes} : Range{0, ~0ULL};
}

std::optional<std::string_view> Injector::why_not(const ThreadState& state, Use use, int round,
                                                  const Mappings& mappings) const {
  const Range section = section_of(state);
  if (use == Use::system_calls) {
    return why_not_for_system_calls(state, mappings, section);
  }
  constexpr int rounds_for_others = 12;
  std::vector<std::byte> stack(stack_scan_bytes);
  stack.resize(memory_.read(state.registers.rsp, stack));
  return why_not_for_calls(state, program_, stack, section, round >= rounds_for_others);
}

/// Stops one thread after the other until one may be used. Each is let go before the next one is
/// stopped.
base::Result<Injector::Found> Injector::find_thread(Use use) {
  const auto deadline = Clock::now() + options_.search_limit;
  std::string why = "it has none";
  for (int round = 0; round == 0 || Clock::now() < deadline; ++round) {
    const std::vector<Task> tasks = tasks_of(pid_);
    // Later than the threads, so that their stacks are there; and while nothing stands still.
    const Mappings mappings = use == Use::system_calls ? mappings_of(pid_) : Mappings{};
    for (const Task& task : tasks) {
      Found found{std::make_unique<HeldThread>(pid_, task.tid), {}, Clock::now()};
      auto state = found.thread->stop();
      ++result_.stops;
      if (!state && state.error().kind == base::ErrorKind::refused) {
        return tl::unexpected(state.error());
      }
      if (!state) {
        why = state.error().message;
        continue;
      }
      found.state = *std::move(state);
      const auto reason = why_not(found.state, use, round, mappings);
      if (!reason) {
        return found;
      }
      why = *reason;
      // What the stop did to its call is not to be seen.
      if (const auto call = interrupted_call(found.state); call && call->is_cut_short) {
        (void)found.thread->set_registers(with_fresh_call(found.state));
      }
    }
    if (::kill(pid_, 0) != 0 && errno == ESRCH) {
      return base::fail(base::ErrorKind::not_found,
                        "process " + std::to_string(pid_) + " has ended");
    }
    constexpr int pauses = 5;
    std::this_thread::sleep_for(std::chrono::microseconds(200 * (1 + round % pauses)));
  }
  return base::fail(base::ErrorKind::timeout,
                    "no thread of process " + std::to_string(pid_) +
                        " was found at a point where it may be borrowed; the last one: " + why);
}

base::Result<void> Injector::ask_filters(const HeldThread& thread) const {
  if (!has_filter_) {
    return {};
  }
  std::vector<Filter> filters;
  constexpr int get_filter = 0x420c;
  const auto ask = [&](std::size_t index, void* into) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a number in the place of an address
    return ptrace(static_cast<__ptrace_request>(get_filter), thread.tid(),
                  reinterpret_cast<void*>(index), into);
  };
  for (std::size_t index = 0; index < filters_max; ++index) {
    const long count = ask(index, nullptr);
    if (count < 0 && errno == ENOENT) {
      const auto forbidden = first_forbidden(filters, program_.system_call + 2);
      return forbidden ? base::fail(base::ErrorKind::refused,
                                    "a seccomp filter of process " + std::to_string(pid_) +
                                        " does not allow " + std::string(*forbidden) +
                                        "; heapwatch memory and heapwatch leak look from outside")
                       : base::Result<void>{};
    }
    Filter filter(static_cast<std::size_t>(std::max(count, 0L)));
    if (count <= 0 || filter.size() > instructions_max || ask(index, filter.data()) != count) {
      break;
    }
    filters.push_back(std::move(filter));
  }
  return base::fail(base::ErrorKind::refused,
                    "process " + std::to_string(pid_) +
                        " has a seccomp filter that cannot be read; root may, outside of a "
                        "filter of its own");
}

/// One system call. The thread stands behind it then, with the way back on its stack.
base::Result<std::uint64_t> Injector::call(Found& found, const user_regs_struct& registers) {
  if (auto set = found.thread->set_registers(registers); !set) {
    return tl::unexpected(set.error());
  }
  at(Step::sent_to_call);
  // Only now: a thread that goes on by the frame has its own mask again.
  if (auto set = found.thread->set_signal_mask(mask_while_borrowed); !set) {
    return tl::unexpected(set.error());
  }
  at(Step::masked);
  const auto made = found.thread->finish_call();
  if (!made) {
    return tl::unexpected(made.error());
  }
  constexpr std::int64_t errors = -4096;
  if (*made < 0 && *made > errors) {
    return base::fail(base::ErrorKind::io, std::string("the process is refused a system call (") +
                                               std::to_string(registers.rax) +
                                               "): " + std::strerror(static_cast<int>(-*made)));
  }
  return static_cast<std::uint64_t>(*made);
}

base::Result<void> Injector::give_back(Found& found, Step before, Step after) {
  // The kernel restarts an interrupted call from within a stop of this kind alone.
  auto done = found.thread->stop_again();
  at(before);
  user_regs_struct registers = found.state.registers;
  if (const auto call = interrupted_call(found.state); call && call->is_cut_short) {
    registers = with_fresh_call(found.state);
  }
  // The registers last: until then the thread goes back by its frame.
  done = done.and_then([&] { return found.thread->set_vectors(found.state.vectors); })
             .and_then([&] { return found.thread->set_signal_mask(found.state.signal_mask); })
             .and_then([&] { return found.thread->set_registers(registers); });
  if (done) {
    at(after);
  }
  note_stop(found);
  return done;
}

base::Result<void> Injector::make_room_on(Found& found) {
  const std::uint64_t red_zone = 128;
  const std::uint64_t frame =
      (found.state.registers.rsp - red_zone - frame_bytes_max) & ~std::uint64_t{63};
  auto done = memory_.write(frame, signal_frame(found.state, frame)).and_then([&] {
    return memory_.put(frame - sizeof program_.sigreturn, program_.sigreturn);
  });
  if (!done) {
    return done;
  }
  user_regs_struct registers = found.state.registers;
  registers.rip = program_.system_call;
  registers.rsp = frame - sizeof program_.sigreturn;
  registers.orig_rax = ~0ULL;
  // Memory that is never writable and executable at once.
  registers.rax = SYS_mmap;
  registers.rdi = 0;
  registers.rsi = room_bytes;
  registers.rdx = PROT_READ | PROT_EXEC;
  registers.r10 = MAP_PRIVATE | MAP_ANONYMOUS;
  registers.r8 = ~0ULL;
  registers.r9 = 0;
  const auto made = call(found, registers);
  if (!made) {
    return tl::unexpected(made.error());
  }
  room_ = *made;
  at(Step::room_made);
  registers.rax = SYS_mprotect;
  registers.rdi = room_ + data_at;
  registers.rsi = room_bytes - data_at;
  registers.rdx = PROT_READ | PROT_WRITE;
  if (const auto opened = call(found, registers); !opened) {
    return tl::unexpected(opened.error());
  }
  at(Step::room_open);
  if (program_.our_entry != 0) {
    return {};
  }
  Room names{};
  std::strncpy(names.name, preload::library_name, sizeof names.name - 1);
  if (auto put = memory_.put(room_ + data_at, names); !put) {
    return put;
  }
  registers.rax = SYS_memfd_create;
  registers.rdi = room_ + data_at + offsetof(Room, name);
  registers.rsi = MFD_CLOEXEC;
  const auto file = call(found, registers);
  if (!file) {
    return tl::unexpected(file.error());
  }
  file_ = static_cast<int>(*file);
  at(Step::file_made);
  return {};
}

base::Result<void> Injector::make_room() {
  auto found = find_thread(Use::system_calls);
  if (!found) {
    return tl::unexpected(found.error());
  }
  at(Step::stopped_for_room);
  if (auto allowed = ask_filters(*found->thread); !allowed) {
    if (const auto call = interrupted_call(found->state); call && call->is_cut_short) {
      (void)found->thread->set_registers(with_fresh_call(found->state));
    }
    return allowed;
  }
  auto made = make_room_on(*found);
  if (auto back = give_back(*found, Step::room_returning, Step::room_left); !back) {
    return back;
  }
  return made;
}

/// While nothing stands still.
base::Result<void> Injector::fill_file() const {
  if (file_ < 0) {
    return {};
  }
  const auto library = base::read_file(options_.library, library_bytes_max);
  if (!library) {
    return tl::unexpected(library.error());
  }
  const std::string path = "/proc/" + std::to_string(pid_) + "/fd/" + std::to_string(file_);
  const base::Descriptor file(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file || !base::write_all(file.get(), *library)) {
    return base::fail(base::ErrorKind::io,
                      "the library cannot be handed over: " + std::string(std::strerror(errno)));
  }
  return {};
}

base::Result<void> Injector::fill_room() {
  Room room{};
  room.pthread_create = program_.pthread_create;
  room.dlopen = program_.dlopen;
  room.dlsym = program_.dlsym;
  room.dlerror = program_.dlerror;
  room.pthread_detach = program_.pthread_detach;
  room.errno_location = program_.errno_location;
  room.frame = room_ + frame_at;
  room.turns = turns;
  room.pause[1] = turn_ns;
  room.entry = program_.our_entry;
  room.operation = options_.operation;
  room.begin = room_;
  room.bytes = room_bytes;
  room.library_file = file_;
  room.sample_interval = options_.sample_interval;
  const std::string path = "/proc/self/fd/" + std::to_string(file_);
  std::strncpy(room.path, path.c_str(), sizeof room.path - 1);
  std::strncpy(room.name, preload::entry_name, sizeof room.name - 1);
  return memory_.write(room_, stub_code()).and_then([&] {
    return memory_.put(room_ + data_at, room);
  });
}

/// Sends a stopped thread to our code, with the way back in the room.
base::Result<void> Injector::borrow(Found& found) {
  user_regs_struct registers = found.state.registers;
  registers.rip = room_ + borrow_offset();
  registers.rbx = room_ + data_at;
  registers.rsp = room_ + room_bytes - 64;
  registers.rbp = 0;
  registers.orig_rax = ~0ULL;
  return memory_.write(room_ + frame_at, signal_frame(found.state, room_ + frame_at))
      .and_then([&] { return found.thread->set_registers(registers); })
      .and_then([&]() -> base::Result<void> {
        at(Step::sent_to_borrow);
        return found.thread->set_signal_mask(mask_while_borrowed);
      })
      .and_then([&] { return found.thread->run(); });
}

/// Until pthread_create has returned; in a process of one thread, until the library has done its
/// work. False when that takes too long.
base::Result<bool> Injector::wait_while_borrowed(Found& found, bool is_alone) {
  auto deadline = Clock::now() + options_.create_limit;
  bool has_returned = false;
  for (;;) {
    const auto now = room();
    if (!now) {
      return tl::unexpected(now.error());
    }
    if (now->borrowed != Borrowed::calling) {
      if (!has_returned) {
        has_returned = true;
        at(Step::waiting);
        // It goes back by itself before that.
        deadline = Clock::now() + std::chrono::milliseconds(turns / 2);
      }
      if (!is_alone || now->created != 0 || now->fresh >= Fresh::failed) {
        return true;
      }
    }
    switch (found.thread->look()) {
      case HeldThread::Seen::running:
        break;
      case HeldThread::Seen::ended:
        return base::fail(base::ErrorKind::not_found,
                          "process " + std::to_string(pid_) + " has ended");
      case HeldThread::Seen::crashed:
        return false;
    }
    if (Clock::now() > deadline) {
      return has_returned;
    }
    usleep(20);
  }
}

base::Result<Injector::Tried> Injector::try_create() {
  if (auto filled = fill_room(); !filled) {
    return tl::unexpected(filled.error());
  }
  auto found = find_thread(Use::calls);
  if (!found) {
    return tl::unexpected(found.error());
  }
  at(Step::stopped_for_call);
  const bool is_alone = tasks_of(pid_).size() == 1;
  (void)memory_.put(room_ + data_at + offsetof(Room, is_alone), std::uint32_t{is_alone ? 1U : 0U});
  if (auto sent = borrow(*found); !sent) {
    (void)give_back(*found, Step::returning, Step::returned);
    return tl::unexpected(sent.error());
  }
  at(Step::borrowed);
  const auto returned = wait_while_borrowed(*found, is_alone);
  if (!returned) {
    return tl::unexpected(returned.error());
  }
  if (auto stopped = found->thread->stop_again(); !stopped) {
    return tl::unexpected(stopped.error());
  }
  const auto now = room();
  if (!now) {
    return tl::unexpected(now.error());
  }
  if (now->borrowed == Borrowed::left) {
    // It has gone back by itself, or is about to: its registers are its own matter.
    note_stop(*found);
  } else if (auto back = give_back(*found, Step::returning, Step::returned); !back) {
    return tl::unexpected(back.error());
  } else {
    // The new thread may take the room away.
    (void)memory_.put(room_ + data_at + offsetof(Room, released), std::uint32_t{1});
  }
  if (now->borrowed == Borrowed::calling) {
    return Tried::hung;
  }
  if (now->created != 0) {
    return base::fail(base::ErrorKind::io,
                      "process " + std::to_string(pid_) +
                          " cannot have another thread: " + std::strerror(now->created));
  }
  return Tried::created;
}

/// The room is gone once the new thread has finished, so what it said last is kept here.
base::Result<void> Injector::wait_for_library() {
  const auto deadline = Clock::now() + options_.load_limit;
  while (Clock::now() < deadline) {
    const auto now = room();
    if (!now) {
      break;
    }
    if (now->fresh == Fresh::failed) {
      const std::string error(now->error, strnlen(now->error, sizeof now->error));
      return base::fail(base::ErrorKind::io,
                        "the library cannot be loaded there: " + base::printable(error));
    }
    if (now->fresh == Fresh::finished) {
      result_.outcome = now->outcome;
      // We have read it.
      (void)memory_.put(room_ + data_at + offsetof(Room, released), std::uint32_t{2});
      return {};
    }
    usleep(200);
  }
  return base::fail(base::ErrorKind::timeout, "the library has not finished within " +
                                                  std::to_string(options_.load_limit.count()) +
                                                  " ms; the process runs on");
}

base::Result<Injection> Injector::inject() {
  if (auto made = make_room(); !made) {
    return tl::unexpected(made.error());
  }
  if (auto filled = fill_file(); !filled) {
    return tl::unexpected(filled.error());
  }
  at(Step::file_filled);
  for (;;) {
    const auto tried = try_create();
    if (!tried) {
      return tl::unexpected(tried.error());
    }
    ++result_.tries;
    if (*tried == Tried::created) {
      break;
    }
    if (result_.tries == options_.tries) {
      return base::fail(base::ErrorKind::timeout,
                        "pthread_create did not return within " +
                            std::to_string(options_.create_limit.count()) + " ms, on " +
                            std::to_string(options_.tries) + " threads; the process runs on");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  at(Step::left);
  if (auto loaded = wait_for_library(); !loaded) {
    return tl::unexpected(loaded.error());
  }
  at(Step::finished);
  return result_;
}

}  // namespace

base::Result<Injection> inject(const Evidence& evidence, const InjectionOptions& options) {
  auto memory = TargetMemory::open(evidence.facts.pid);
  if (!memory) {
    return tl::unexpected(memory.error());
  }
  return Injector(evidence, options, *std::move(memory)).inject();
}

}  // namespace heapwatch::attach
