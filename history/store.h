// The file of the history: what was measured of processes, their profiles, and what happened.
//
// A *life* is one process from its start to its end, or a target that is asked over HTTP. Lives of
// one service follow each other: a leak under a restart policy is a saw, and can be seen as one.
//
// Each frame of a life is written as a row of its own (`ticks`), so that a crash loses what was not
// written yet, and nothing else. When there are enough of them they become one block
// (history/frames.h) of a twentieth of the size (`blocks`). Both are there in three tiers: as
// measured, by minute and by hour.
//
// The file is a database of SQLite, in WAL mode with one writer. Its parts and their versions are
// in history/schema.cpp; `sqlite3 history.db .schema` shows them.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/error.h"
#include "history/database.h"
#include "history/frames.h"

namespace heapwatch::history {

using LifeId = std::int64_t;

/// How far apart frames are.
enum class Tier : std::uint8_t { measured, minute, hour };
inline constexpr std::array tiers{Tier::measured, Tier::minute, Tier::hour};
/// Of minute and hour. Units: ms.
[[nodiscard]] std::int64_t span_of(Tier tier);

/// What a life is known by. `identity` is the same for the same life also after a restart of
/// heapwatch: of a process, the machine's boot, the pid and the moment of its start.
struct LifeInfo {
  std::string identity;
  std::string kind;          // "process", "target", "check"
  std::string service;       // what follows each other under this name is one line on the page
  std::string name;          // for people: the command's name. Never its arguments
  std::int64_t pid = 0;      // 0: it has none
  std::int64_t started = 0;  // ms since 1970; 0: not known
};

struct Life {
  LifeId id = 0;
  LifeInfo info;
  std::int64_t first = 0;  // frame, ms since 1970
  std::int64_t last = 0;
  std::optional<std::int64_t> ended;
  std::string how;  // it ended: "exit", "oom kill"; empty: not known, or not ended
};

struct Event {
  std::optional<LifeId> life;  // absent: of the machine, or of heapwatch
  std::int64_t time = 0;       // ms since 1970
  std::string kind;            // "verdict", "restart", "reload", "limit"
  std::string text;            // a sentence, or JSON where the kind says so
};

struct ProfileInfo {
  std::int64_t id = 0;
  LifeId life = 0;
  std::int64_t time = 0;
  std::string kind;   // "native", "go", "python", "goroutines"
  std::string cause;  // "schedule", "verdict", "growth", "limit"
  std::uint64_t bytes = 0;
};

/// Units: bytes.
struct Limits {
  std::uint64_t file_max = std::uint64_t{256} << 20U;
  std::uint64_t life_max = std::uint64_t{32} << 20U;
};
/// A smaller `file_max` is refused.
inline constexpr std::uint64_t file_max_least = std::uint64_t{4} << 20U;

/// The names of series there may be, and how long one is. A name beyond is an error of limit.
inline constexpr std::size_t series_max = 100'000;
inline constexpr std::size_t series_name_max = 256;
inline constexpr std::size_t profile_bytes_max = std::size_t{8} << 20U;
inline constexpr std::size_t event_text_max = 4096;  // longer ones are cut

/// The writer of a file. Errors of its functions are those of Database.
///
/// Threads: one at a time.
class Store {
 public:
  /// Makes the file (0640) when it is not there, and brings one of an older version up to date.
  /// Errors: refused when another process writes to it; invalid when it is of a newer version, or
  /// no history.
  [[nodiscard]] static base::Result<Store> open(const std::filesystem::path& path, Limits limits);

  /// What belongs together is written together; see Transaction.
  [[nodiscard]] base::Result<Transaction> begin() { return Transaction::begin(*database_); }

  /// Of a life that is not there yet, a new one.
  [[nodiscard]] base::Result<LifeId> life(const LifeInfo& info);
  /// That it was there, though there is no frame of it: else it could be dropped as one of which
  /// nothing is left.
  [[nodiscard]] base::Result<void> seen(LifeId life, std::int64_t time);
  [[nodiscard]] base::Result<void> end(LifeId life, std::int64_t time, std::string_view how);
  [[nodiscard]] base::Result<SeriesId> series(std::string_view name);

  /// One frame. One that is not behind the last of its life and tier is left out. Frames become
  /// blocks here when there are enough.
  [[nodiscard]] base::Result<void> add(LifeId life, Tier tier, const Frames& frame);
  [[nodiscard]] base::Result<void> add(const Event& event);
  /// `profile.bytes` and `profile.id` are not used. Errors: limit, when it is too large.
  [[nodiscard]] base::Result<void> add(const ProfileInfo& profile, std::string_view bytes);

  /// Makes room: what is too old goes, of a life that takes too much its oldest, and where the file
  /// still is too large what can be missed most easily. To be called now and then, outside of a
  /// transaction.
  [[nodiscard]] base::Result<void> trim(std::int64_t now);

  /// What the file takes on the disk. Units: bytes.
  [[nodiscard]] std::uint64_t bytes() const;

  [[nodiscard]] Database& database() { return *database_; }

  /// What transactions that were undone have left here: to be called after one.
  void forget_what_was_read();

 private:
  struct Open {
    std::uint64_t ticks = 0;  // not in a block yet
    std::int64_t last = 0;    // time of the last frame, in a block or not
  };

  Store(base::Descriptor lock, std::filesystem::path path, Limits limits,
        std::unique_ptr<Database> database);
  [[nodiscard]] base::Result<void> prepare();
  [[nodiscard]] base::Result<Open*> open_of(LifeId life, Tier tier);
  [[nodiscard]] base::Result<void> seal(LifeId life, Tier tier);
  [[nodiscard]] base::Result<void> seal_idle(std::int64_t now);
  [[nodiscard]] base::Result<void> drop_old(std::int64_t now);
  [[nodiscard]] base::Result<void> drop_of_large_lives();
  [[nodiscard]] base::Result<void> drop_until_it_fits(std::int64_t now);
  [[nodiscard]] base::Result<void> drop_ticks_until_it_fits(std::uint64_t target);
  [[nodiscard]] base::Result<std::uint64_t> used();

  base::Descriptor lock_;
  std::filesystem::path path_;
  Limits limits_;
  std::unique_ptr<Database> database_;  // statements point to it
  Statement find_life_;
  Statement add_life_;
  Statement touch_life_;
  Statement find_series_;
  Statement add_series_;
  Statement add_tick_;
  Statement read_ticks_;
  Statement drop_ticks_;
  Statement add_block_;
  std::map<std::string, SeriesId, std::less<>> series_;
  std::map<std::pair<LifeId, Tier>, Open> open_;
};

}  // namespace heapwatch::history
