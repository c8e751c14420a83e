// What goes when the file of the history is to be smaller.
//
// First what is older than its tier is kept, then the oldest of lives that take more than one life
// may. Where the file is still too large, steps are taken one after the other until it fits: first
// what is there in a coarser tier too, or was kept on a schedule; last the newest.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "history/store.h"

namespace heapwatch::history {

namespace {

constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::int64_t day_ms = 24 * hour_ms;
constexpr std::int64_t sealed_after_ms = hour_ms / 4;
constexpr std::int64_t lives_max = 20'000;
constexpr std::int64_t events_max = 100'000;
constexpr int rows_at_once = 32;

/// Frames are kept so long, by tier.
constexpr std::array<std::int64_t, tiers.size()> kept_ms{day_ms, 14 * day_ms, 365 * day_ms};

/// Rows of `table` that may go when they are older than this, oldest first.
struct Step {
  std::string_view table;
  std::string_view which;  // a condition
  std::string_view age;    // the column
  std::int64_t older_than;
};

constexpr std::array steps{
    Step{"blocks", "tier = 0", "last", 2 * hour_ms},
    Step{"profiles", "cause = 'schedule'", "time", 2 * hour_ms},
    Step{"blocks", "tier = 1", "last", day_ms},
    Step{"profiles", "1", "time", hour_ms},
    Step{"blocks", "tier = 2", "last", 30 * day_ms},
    Step{"events", "1", "time", day_ms},
    Step{"blocks", "tier = 0", "last", 0},
    Step{"profiles", "1", "time", 0},
    Step{"blocks", "1", "last", 0},
    Step{"events", "1", "time", 0},
};

std::string drop_oldest(const Step& step, std::int64_t before) {
  const std::string table(step.table);
  const std::string age(step.age);
  return "DELETE FROM " + table + " WHERE id IN (SELECT id FROM " + table + " WHERE " +
         std::string(step.which) + " AND " + age + " <= " + std::to_string(before) + " ORDER BY " +
         age + " LIMIT " + std::to_string(rows_at_once) + ")";
}

}  // namespace

base::Result<void> Store::trim(std::int64_t now) {
  base::Result<Transaction> transaction = begin();
  if (!transaction) {
    return tl::unexpected(transaction.error());
  }
  for (const auto& step : {&Store::seal_idle, &Store::drop_old}) {
    if (base::Result<void> done = (this->*step)(now); !done) {
      forget_what_was_read();
      return done;
    }
  }
  if (base::Result<void> done = drop_of_large_lives(); !done) {
    forget_what_was_read();
    return done;
  }
  if (base::Result<void> done = transaction->commit(); !done) {
    forget_what_was_read();
    return done;
  }
  if (base::Result<void> done = drop_until_it_fits(now); !done) {
    return done;
  }
  return database_->execute("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)");
}

base::Result<void> Store::seal_idle(std::int64_t now) {
  base::Result<Statement> ask = database_->prepare(
      "SELECT id FROM lives WHERE last < ? AND EXISTS (SELECT 1 FROM ticks WHERE life = lives.id) "
      "LIMIT 1000");
  if (!ask) {
    return tl::unexpected(ask.error());
  }
  std::vector<LifeId> idle;
  ask->bind(now - sealed_after_ms);
  base::Result<bool> row = ask->step();
  for (; row && *row; row = ask->step()) {
    idle.push_back(ask->integer(0));
  }
  if (!row) {
    return tl::unexpected(row.error());
  }
  for (const LifeId life : idle) {
    for (const Tier tier : tiers) {
      if (base::Result<void> sealed = seal(life, tier); !sealed) {
        return sealed;
      }
      open_.erase({life, tier});
    }
  }
  return {};
}

base::Result<void> Store::drop_old(std::int64_t now) {
  std::string sql;
  for (std::size_t tier = 0; tier < tiers.size(); ++tier) {
    sql += "DELETE FROM blocks WHERE tier = " + std::to_string(tier) + " AND last < " +
           std::to_string(now - kept_ms[tier]) + ";";
  }
  // Of a schedule, profiles of the last day; of older days one an hour, the first.
  sql += "DELETE FROM profiles WHERE time < " + std::to_string(now - 14 * day_ms) + ";";
  sql += "DELETE FROM profiles WHERE cause = 'schedule' AND time < " +
         std::to_string(now - day_ms) +
         " AND EXISTS (SELECT 1 FROM profiles AS other WHERE other.life = profiles.life "
         "AND other.kind = profiles.kind AND other.time < profiles.time "
         "AND other.time / " +
         std::to_string(hour_ms) + " = profiles.time / " + std::to_string(hour_ms) + ");";
  sql += "DELETE FROM events WHERE time < " + std::to_string(now - 365 * day_ms) +
         " OR id <= (SELECT max(id) FROM events) - " + std::to_string(events_max) + ";";
  // A life of which nothing is left, once it is over; and the oldest beyond the most there may be.
  sql += "DELETE FROM lives WHERE last < " + std::to_string(now - day_ms) +
         " AND NOT EXISTS (SELECT 1 FROM ticks WHERE life = lives.id)"
         " AND NOT EXISTS (SELECT 1 FROM blocks WHERE life = lives.id)"
         " AND NOT EXISTS (SELECT 1 FROM profiles WHERE life = lives.id);";
  sql += "DELETE FROM lives WHERE id IN (SELECT id FROM lives ORDER BY last DESC LIMIT -1 OFFSET " +
         std::to_string(lives_max) + ");";
  for (const char* table : {"ticks", "blocks", "profiles"}) {
    sql += std::string("DELETE FROM ") + table + " WHERE life NOT IN (SELECT id FROM lives);";
  }
  // Numbers of lives come again: what happened in one must not be told of another.
  sql += "DELETE FROM events WHERE life IS NOT NULL AND life NOT IN (SELECT id FROM lives);";
  return database_->execute(sql);
}

base::Result<void> Store::drop_of_large_lives() {
  base::Result<Statement> ask = database_->prepare(
      "SELECT life, sum(bytes) FROM ("
      "SELECT life, length(data) AS bytes FROM blocks UNION ALL "
      "SELECT life, length(data) FROM profiles) GROUP BY life HAVING sum(bytes) > ?");
  if (!ask) {
    return tl::unexpected(ask.error());
  }
  std::vector<std::pair<LifeId, std::uint64_t>> large;
  ask->bind(static_cast<std::int64_t>(limits_.life_max));
  base::Result<bool> row = ask->step();
  for (; row && *row; row = ask->step()) {
    large.emplace_back(ask->integer(0), static_cast<std::uint64_t>(ask->integer(1)));
  }
  if (!row) {
    return tl::unexpected(row.error());
  }
  for (auto [life, bytes] : large) {
    // Half of what is too much from each of the two kinds, the oldest first.
    for (const std::string table : {"blocks", "profiles"}) {
      const std::string age = table == "blocks" ? "last" : "time";
      const std::uint64_t excess = bytes - limits_.life_max + limits_.life_max / 16;
      if (base::Result<void> done =
              database_->execute("DELETE FROM " + table +
                                 " WHERE id IN (SELECT id FROM (SELECT id, sum(length(data)) "
                                 "OVER (ORDER BY " +
                                 age + ", id) - length(data) AS before FROM " + table +
                                 " WHERE life = " + std::to_string(life) +
                                 ") WHERE before < (SELECT CAST(sum(length(data)) "
                                 "AS REAL) / " +
                                 std::to_string(bytes) + " * " + std::to_string(excess) + " FROM " +
                                 table + " WHERE life = " + std::to_string(life) + "))");
          !done) {
        return done;
      }
    }
  }
  return {};
}

base::Result<std::uint64_t> Store::used() {
  const base::Result<std::int64_t> pages = database_->integer("PRAGMA page_count");
  if (!pages) {
    return tl::unexpected(pages.error());
  }
  const base::Result<std::int64_t> free = database_->integer("PRAGMA freelist_count");
  if (!free) {
    return tl::unexpected(free.error());
  }
  constexpr std::uint64_t page_bytes = 4096;
  return static_cast<std::uint64_t>(*pages - *free) * page_bytes;
}

base::Result<void> Store::drop_until_it_fits(std::int64_t now) {
  // Room for what comes until the next time, and for the log.
  const std::uint64_t target = limits_.file_max / 4 * 3;
  for (const Step& step : steps) {
    while (true) {
      const base::Result<std::uint64_t> bytes = used();
      if (!bytes) {
        return tl::unexpected(bytes.error());
      }
      if (*bytes <= target) {
        return {};
      }
      if (base::Result<void> done = database_->execute(drop_oldest(step, now - step.older_than));
          !done) {
        return done;
      }
      if (database_->changes() == 0) {
        break;
      }
    }
  }
  return drop_ticks_until_it_fits(target);
}

base::Result<void> Store::drop_ticks_until_it_fits(std::uint64_t target) {
  while (true) {
    const base::Result<std::uint64_t> bytes = used();
    if (!bytes) {
      return tl::unexpected(bytes.error());
    }
    if (*bytes <= target) {
      return {};
    }
    if (base::Result<void> done =
            database_->execute("DELETE FROM ticks WHERE time <= (SELECT min(time) FROM ticks) + " +
                               std::to_string(hour_ms / 12));
        !done) {
      return done;
    }
    open_.clear();  // counts of ticks
    if (database_->changes() == 0) {
      return {};
    }
  }
}

}  // namespace heapwatch::history
