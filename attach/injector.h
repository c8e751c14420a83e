// What makes an injection, for the files that it is in: attach/injection.cpp and
// injection_room.cpp.
#pragma once

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "attach/held_thread.h"
#include "attach/injection.h"
#include "attach/target_memory.h"
#include "preload/injected.h"

namespace heapwatch::attach {

inline constexpr std::uint64_t page = memory::process::page_bytes;
inline constexpr std::uint64_t room_bytes = std::uint64_t{256} * 1024;
inline constexpr std::uint64_t data_at = page;
inline constexpr std::uint64_t frame_at = 2 * page;
static_assert(sizeof(preload::Room) <= frame_at - data_at && frame_bytes_max <= 14 * page);
inline constexpr std::size_t library_bytes_max = std::size_t{256} << 20;

/// Faults of the code that runs are seen.
inline constexpr std::uint64_t mask_while_borrowed =
    ~(1ULL << (SIGSEGV - 1) | 1ULL << (SIGBUS - 1) | 1ULL << (SIGILL - 1) | 1ULL << (SIGFPE - 1) |
      1ULL << (SIGTRAP - 1));

/// A borrowed thread goes back by itself after so many turns of a millisecond.
inline constexpr int turns = 1000;
inline constexpr std::uint64_t turn_ns = 1'000'000;

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
  using Clock = std::chrono::steady_clock;
  using Range = memory::process::Range;
  using Room = preload::Room;

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
  [[nodiscard]] base::Result<user_regs_struct> prepare_calls(const Found& found);
  [[nodiscard]] base::Result<void> inject_by_room();
  [[nodiscard]] bool has_left(int thread) const;
  void release_room();
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
  int file_ = -1;                // a descriptor of the process
  bool may_be_entered_ = false;  // a thread is in the room, or may come to be
  Injection result_;
};

}  // namespace heapwatch::attach
