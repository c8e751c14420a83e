// The first part of an injection: the room, and the file that the library is handed over in.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

#include "attach/injector.h"
#include "attach/seccomp.h"
#include "base/descriptor.h"
#include "base/descriptor_output.h"
#include "base/file.h"
#include "preload/attach.h"

namespace heapwatch::attach {

base::Result<void> Injector::ask_filters(const HeldThread& thread) const {
  if (!has_filter_) {
    return {};
  }
  std::vector<Filter> filters;
  constexpr int get_filter = 0x420c;
  const auto ask = [&](std::size_t index, void* into) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a number in the place of an address
    auto* const number = reinterpret_cast<void*>(index);
    return ptrace(static_cast<__ptrace_request>(get_filter), thread.tid(), number, into);
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

/// Puts the way back on its stack. Returns the registers with which it makes a call, whose number
/// and arguments are to be set.
base::Result<user_regs_struct> Injector::prepare_calls(const Found& found) {
  const std::uint64_t red_zone = 128;
  const std::uint64_t frame =
      (found.state.registers.rsp - red_zone - frame_bytes_max) & ~std::uint64_t{63};
  auto done = memory_.write(frame, signal_frame(found.state, frame)).and_then([&] {
    return memory_.put(frame - sizeof program_.sigreturn, program_.sigreturn);
  });
  if (!done) {
    return tl::unexpected(done.error());
  }
  user_regs_struct registers = found.state.registers;
  registers.rip = program_.system_call;
  registers.rsp = frame - sizeof program_.sigreturn;
  registers.orig_rax = ~0ULL;
  return registers;
}

base::Result<void> Injector::make_room_on(Found& found) {
  auto prepared = prepare_calls(found);
  if (!prepared) {
    return tl::unexpected(prepared.error());
  }
  user_regs_struct& registers = *prepared;
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

/// After an injection that failed: what was mapped goes again, by a thread as make_room() takes
/// one. What cannot be given back stays.
void Injector::release_room() {
  if (room_ == 0 || may_be_entered_ || (::kill(pid_, 0) != 0 && errno == ESRCH)) {
    return;
  }
  auto found = find_thread(Use::system_calls);
  if (!found) {
    return;
  }
  auto prepared = prepare_calls(*found);
  if (prepared) {
    user_regs_struct& registers = *prepared;
    if (file_ >= 0) {
      registers.rax = SYS_close;
      registers.rdi = static_cast<std::uint64_t>(file_);
      (void)call(*found, registers);
    }
    registers.rax = SYS_munmap;
    registers.rdi = room_;
    registers.rsi = room_bytes;
    (void)call(*found, registers);
  }
  (void)give_back(*found, Step::room_returning, Step::room_left);
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

}  // namespace heapwatch::attach
