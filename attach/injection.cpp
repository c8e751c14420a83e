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

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include "attach/injector.h"
#include "attach/safe_point.h"
#include "attach/stubs.h"
#include "base/printable.h"

namespace heapwatch::attach {

using memory::process::Range;
using preload::Borrowed;
using preload::Fresh;
using preload::Room;

namespace {

/// A stop would come when it wakes up, for as long as we live.
std::string sleeps_deeply(int tid) {
  return "thread " + std::to_string(tid) +
         " sleeps where nothing can stop it (state D: in a call that waits for a disk, a file "
         "system or a child of vfork)";
}

}  // namespace

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
      if (task.state == 'D') {
        why = sleeps_deeply(task.tid);
        continue;
      }
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
  room.python = options_.python;
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
  may_be_entered_ = true;
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
    may_be_entered_ = now->borrowed == Borrowed::left;
    return base::fail(base::ErrorKind::io,
                      "process " + std::to_string(pid_) +
                          " cannot have another thread: " + std::strerror(now->created));
  }
  return Tried::created;
}

/// Of the new thread, which has nothing more to do than to end.
bool Injector::has_left(int thread) const {
  const std::string folder = "/proc/" + std::to_string(pid_) + "/task/" + std::to_string(thread);
  constexpr int waits_max = 1000;
  for (int i = 0; thread > 0 && i < waits_max; ++i) {
    if (access(folder.c_str(), F_OK) != 0) {
      return true;
    }
    usleep(1000);
  }
  return false;
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
      may_be_entered_ = !has_left(now->fresh_thread);
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
  auto done = make_room().and_then([&] { return inject_by_room(); });
  if (done) {
    return result_;
  }
  release_room();
  return tl::unexpected(done.error());
}

base::Result<void> Injector::inject_by_room() {
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
  return {};
}

base::Result<Injection> inject(const Evidence& evidence, const InjectionOptions& options) {
  auto memory = TargetMemory::open(evidence.facts.pid);
  if (!memory) {
    return tl::unexpected(memory.error());
  }
  return Injector(evidence, options, *std::move(memory)).inject();
}

}  // namespace heapwatch::attach
