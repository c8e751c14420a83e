#include "history/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "history/schema.h"

namespace heapwatch::history {

namespace {

constexpr mode_t file_mode = 0640;
constexpr std::int64_t page_bytes = 4096;

/// Frames of a block, by tier: an hour, four hours, a week.
constexpr std::array<std::uint64_t, tiers.size()> frames_of_block{360, 240, 168};

/// Of the bytes that are allowed, those that the log of what was written last may take.
std::uint64_t log_max(const Limits& limits) {
  return std::min<std::uint64_t>(limits.file_max / 8, std::uint64_t{4} << 20U);
}

base::Result<base::Descriptor> lock(const std::filesystem::path& path) {
  const std::string name = path.string() + ".lock";
  base::Descriptor file(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, file_mode));
  if (!file) {
    return base::fail(base::ErrorKind::io, name + ": " + std::strerror(errno));
  }
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    return base::fail(base::ErrorKind::refused,
                      path.string() + ": another heapwatch writes this history");
  }
  return file;
}

/// SQLite would make it with rights of its own.
base::Result<void> make_file(const std::filesystem::path& path) {
  const base::Descriptor file(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, file_mode));
  if (!file) {
    return base::fail(base::ErrorKind::io, path.string() + ": " + std::strerror(errno));
  }
  return {};
}

}  // namespace

std::int64_t span_of(Tier tier) {
  return tier == Tier::hour ? 3'600'000 : 60'000;
}

base::Result<Store> Store::open(const std::filesystem::path& path, Limits limits) {
  if (limits.file_max < file_max_least) {
    return base::fail(base::ErrorKind::invalid, "a history of " + std::to_string(limits.file_max) +
                                                    " bytes at most; it needs " +
                                                    std::to_string(file_max_least));
  }
  base::Result<base::Descriptor> locked = lock(path);
  if (!locked) {
    return tl::unexpected(locked.error());
  }
  if (const base::Result<void> made = make_file(path); !made) {
    return tl::unexpected(made.error());
  }
  base::Result<Database> database = Database::open(path, Database::Mode::write);
  if (!database) {
    return tl::unexpected(database.error());
  }
  Store store(std::move(*locked), path, limits, std::make_unique<Database>(std::move(*database)));
  if (const base::Result<void> prepared = store.prepare(); !prepared) {
    return tl::unexpected(prepared.error());
  }
  return store;
}

Store::Store(base::Descriptor lock, std::filesystem::path path, Limits limits,
             std::unique_ptr<Database> database)
    : lock_(std::move(lock)),
      path_(std::move(path)),
      limits_(limits),
      database_(std::move(database)) {}

base::Result<void> Store::prepare() {
  const auto pages = static_cast<std::int64_t>(limits_.file_max - log_max(limits_)) / page_bytes;
  // A file that was allowed to be larger keeps its pages until trim() has made room.
  if (base::Result<void> done = database_->execute(
          "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
          "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 250; PRAGMA cache_size = -1024;"
          "PRAGMA journal_size_limit = " +
          std::to_string(log_max(limits_)) + "; PRAGMA max_page_count = " + std::to_string(pages));
      !done) {
    return done;
  }
  if (base::Result<void> done = migrate(*database_); !done) {
    return tl::unexpected<base::Error>(
        base::Error{done.error().kind, path_.string() + ": " + done.error().message});
  }
  const std::array<std::pair<Statement*, std::string_view>, 9> statements{{
      {&find_life_, "SELECT id FROM lives WHERE identity = ?"},
      {&add_life_,
       "INSERT INTO lives (identity, kind, service, name, pid, started, first, last) "
       "VALUES (?, ?, ?, ?, ?, ?, 0, 0)"},
      {&touch_life_,
       "UPDATE lives SET last = max(last, ?1), first = iif(first = 0, ?1, first), ended = NULL, "
       "how = '' WHERE id = ?2"},
      {&find_series_, "SELECT id FROM series WHERE name = ?"},
      {&add_series_, "INSERT INTO series (name) VALUES (?)"},
      {&add_tick_, "INSERT INTO ticks (life, tier, time, data) VALUES (?, ?, ?, ?)"},
      {&read_ticks_, "SELECT data FROM ticks WHERE life = ? AND tier = ? ORDER BY time"},
      {&drop_ticks_, "DELETE FROM ticks WHERE life = ? AND tier = ?"},
      {&add_block_, "INSERT INTO blocks (life, tier, first, last, data) VALUES (?, ?, ?, ?, ?)"},
  }};
  for (const auto& [statement, sql] : statements) {
    base::Result<Statement> made = database_->prepare(sql);
    if (!made) {
      return tl::unexpected(made.error());
    }
    *statement = std::move(*made);
  }
  return {};
}

base::Result<LifeId> Store::life(const LifeInfo& info) {
  const auto known = find_life_.bind(std::string_view{info.identity}).first();
  if (!known) {
    return tl::unexpected(known.error());
  }
  if (*known) {
    return **known;
  }
  if (base::Result<void> added =
          add_life_
              .bind(std::string_view{info.identity}, std::string_view{info.kind},
                    std::string_view{info.service}, std::string_view{info.name}, info.pid,
                    info.started)
              .run();
      !added) {
    return tl::unexpected(added.error());
  }
  return database_->last_id();
}

base::Result<void> Store::seen(LifeId life, std::int64_t time) {
  base::Result<Statement> update =
      database_->prepare("UPDATE lives SET last = max(last, ?1) WHERE id = ?2");
  if (!update) {
    return tl::unexpected(update.error());
  }
  return update->bind(time, life).run();
}

base::Result<void> Store::end(LifeId life, std::int64_t time, std::string_view how) {
  base::Result<Statement> update =
      database_->prepare("UPDATE lives SET ended = ?, how = ? WHERE id = ? AND ended IS NULL");
  if (!update) {
    return tl::unexpected(update.error());
  }
  if (base::Result<void> done = update->bind(time, how, life).run(); !done) {
    return done;
  }
  for (const Tier tier : tiers) {
    if (base::Result<void> sealed = seal(life, tier); !sealed) {
      return sealed;
    }
    open_.erase({life, tier});
  }
  return {};
}

base::Result<SeriesId> Store::series(std::string_view name) {
  if (const auto known = series_.find(name); known != series_.end()) {
    return known->second;
  }
  if (name.size() > series_name_max || series_.size() >= series_max) {
    return base::fail(base::ErrorKind::limit, "history takes no further series");
  }
  const auto there = find_series_.bind(name).first();
  if (!there) {
    return tl::unexpected(there.error());
  }
  if (!*there) {
    if (base::Result<void> added = add_series_.bind(name).run(); !added) {
      return tl::unexpected(added.error());
    }
  }
  const auto id = static_cast<SeriesId>(there->value_or(database_->last_id()));
  series_.emplace(name, id);
  return id;
}

base::Result<Store::Open*> Store::open_of(LifeId life, Tier tier) {
  if (const auto known = open_.find({life, tier}); known != open_.end()) {
    return &known->second;
  }
  base::Result<Statement> ask = database_->prepare(
      "SELECT count(*), coalesce(max(time), 0), "
      "(SELECT coalesce(max(last), 0) FROM blocks WHERE life = ?1 AND tier = ?2) "
      "FROM ticks WHERE life = ?1 AND tier = ?2");
  if (!ask) {
    return tl::unexpected(ask.error());
  }
  const base::Result<bool> row = ask->bind(life, static_cast<std::int64_t>(tier)).step();
  if (!row) {
    return tl::unexpected(row.error());
  }
  const Open open{.ticks = static_cast<std::uint64_t>(ask->integer(0)),
                  .last = std::max(ask->integer(1), ask->integer(2))};
  return &open_.emplace(std::pair{life, tier}, open).first->second;
}

base::Result<void> Store::add(LifeId life, Tier tier, const Frames& frame) {
  const base::Result<Open*> open = open_of(life, tier);
  if (!open) {
    return tl::unexpected(open.error());
  }
  if (frame.times.size() != 1 || frame.times[0] <= (*open)->last) {
    return {};
  }
  const std::int64_t time = frame.times[0];
  const std::string bytes = encode(frame);
  if (base::Result<void> added =
          add_tick_.bind(life, static_cast<std::int64_t>(tier), time, Statement::blob(bytes)).run();
      !added) {
    return added;
  }
  if (tier == Tier::measured) {
    if (base::Result<void> touched = touch_life_.bind(time, life).run(); !touched) {
      return touched;
    }
  }
  (*open)->last = time;
  if (++(*open)->ticks >= frames_of_block[static_cast<std::size_t>(tier)]) {
    return seal(life, tier);
  }
  return {};
}

base::Result<void> Store::seal(LifeId life, Tier tier) {
  Frames all;
  read_ticks_.bind(life, static_cast<std::int64_t>(tier));
  base::Result<bool> row = read_ticks_.step();
  for (; row && *row; row = read_ticks_.step()) {
    // A row that is damaged is left out: the others are worth keeping.
    if (const base::Result<Frames> one = decode(read_ticks_.bytes(0)); one) {
      append(all, *one);
    }
  }
  if (!row) {
    return tl::unexpected(row.error());
  }
  if (!all.times.empty()) {
    const std::string bytes = encode(all);
    if (base::Result<void> added =
            add_block_
                .bind(life, static_cast<std::int64_t>(tier), all.times.front(), all.times.back(),
                      Statement::blob(bytes))
                .run();
        !added) {
      return added;
    }
  }
  if (const auto open = open_.find({life, tier}); open != open_.end()) {
    open->second.ticks = 0;
  }
  return drop_ticks_.bind(life, static_cast<std::int64_t>(tier)).run();
}

base::Result<void> Store::add(const Event& event) {
  base::Result<Statement> insert =
      database_->prepare("INSERT INTO events (life, time, kind, text) VALUES (?, ?, ?, ?)");
  if (!insert) {
    return tl::unexpected(insert.error());
  }
  return insert
      ->bind(event.life, event.time, std::string_view{event.kind},
             std::string_view{event.text}.substr(0, event_text_max))
      .run();
}

base::Result<void> Store::add(const ProfileInfo& profile, std::string_view bytes) {
  if (bytes.size() > profile_bytes_max) {
    return base::fail(base::ErrorKind::limit, "a profile of " + std::to_string(bytes.size()) +
                                                  " bytes; history keeps those of up to " +
                                                  std::to_string(profile_bytes_max));
  }
  base::Result<Statement> insert = database_->prepare(
      "INSERT INTO profiles (life, time, kind, cause, data) VALUES (?, ?, ?, ?, ?)");
  if (!insert) {
    return tl::unexpected(insert.error());
  }
  return insert
      ->bind(profile.life, profile.time, std::string_view{profile.kind},
             std::string_view{profile.cause}, Statement::blob(bytes))
      .run();
}

std::uint64_t Store::bytes() const {
  std::uint64_t sum = 0;
  for (const char* ending : {"", "-wal", "-shm"}) {
    struct stat file {};
    if (::stat((path_.string() + ending).c_str(), &file) == 0) {
      sum += static_cast<std::uint64_t>(file.st_size);
    }
  }
  return sum;
}

void Store::forget_what_was_read() {
  series_.clear();
  open_.clear();
}

}  // namespace heapwatch::history
