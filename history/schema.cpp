#include "history/schema.h"

#include <array>
#include <cstdint>
#include <string>

namespace heapwatch::history {

namespace {

constexpr std::int64_t application_id = 0x68777431;  // "hwt1": what `file` shows

/// A step takes a file from the version that is its place here to the next one. A step that was
/// shipped never changes.
constexpr std::array steps{
    // Numbers and events.
    R"(
CREATE TABLE lives (
  id INTEGER PRIMARY KEY,
  identity TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  service TEXT NOT NULL,
  name TEXT NOT NULL,
  pid INTEGER NOT NULL,
  started INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL
);
CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE ticks (
  life INTEGER NOT NULL,
  tier INTEGER NOT NULL,
  time INTEGER NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (life, tier, time)
) WITHOUT ROWID;
CREATE TABLE blocks (
  id INTEGER PRIMARY KEY,
  life INTEGER NOT NULL,
  tier INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  data BLOB NOT NULL
);
CREATE INDEX blocks_of_lives ON blocks (life, tier, first);
CREATE INDEX blocks_by_age ON blocks (tier, last);
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  life INTEGER,
  time INTEGER NOT NULL,
  kind TEXT NOT NULL,
  text TEXT NOT NULL
);
CREATE INDEX events_by_age ON events (time);
)",
    // Profiles, and how lives ended.
    R"(
ALTER TABLE lives ADD COLUMN ended INTEGER;
ALTER TABLE lives ADD COLUMN how TEXT NOT NULL DEFAULT '';
CREATE INDEX lives_by_age ON lives (last);
CREATE TABLE profiles (
  id INTEGER PRIMARY KEY,
  life INTEGER NOT NULL,
  time INTEGER NOT NULL,
  kind TEXT NOT NULL,
  cause TEXT NOT NULL,
  data BLOB NOT NULL
);
CREATE INDEX profiles_of_lives ON profiles (life, time);
CREATE INDEX profiles_by_age ON profiles (time);
)",
};

base::Result<std::int64_t> version_of(Database& database) {
  const base::Result<std::int64_t> id = database.integer("PRAGMA application_id");
  if (!id) {
    return id;
  }
  const base::Result<std::int64_t> tables = database.integer("SELECT count(*) FROM sqlite_schema");
  if (!tables) {
    return tables;
  }
  if (*id != application_id && (*id != 0 || *tables != 0)) {
    return base::fail(base::ErrorKind::invalid,
                      "the file is a database of another program, not a history of heapwatch");
  }
  return database.integer("PRAGMA user_version");
}

base::Result<void> refuse_newer(std::int64_t version) {
  if (version > schema_version()) {
    return base::fail(base::ErrorKind::invalid,
                      "the history is of version " + std::to_string(version) +
                          ", which a newer heapwatch wrote; this one knows versions up to " +
                          std::to_string(schema_version()));
  }
  return {};
}

}  // namespace

int schema_version() {
  return static_cast<int>(steps.size());
}

base::Result<void> migrate(Database& database) {
  const base::Result<std::int64_t> version = version_of(database);
  if (!version) {
    return tl::unexpected<base::Error>(version.error());
  }
  if (base::Result<void> known = refuse_newer(*version); !known) {
    return known;
  }
  if (*version == schema_version()) {
    return {};
  }
  base::Result<Transaction> transaction = Transaction::begin(database);
  if (!transaction) {
    return tl::unexpected<base::Error>(transaction.error());
  }
  for (auto step = static_cast<std::size_t>(*version); step < steps.size(); ++step) {
    if (base::Result<void> done = database.execute(steps[step]); !done) {
      return done;
    }
  }
  if (base::Result<void> done =
          database.execute("PRAGMA application_id = " + std::to_string(application_id) +
                           "; PRAGMA user_version = " + std::to_string(schema_version()));
      !done) {
    return done;
  }
  return transaction->commit();
}

base::Result<void> check_version(Database& database) {
  const base::Result<std::int64_t> version = version_of(database);
  if (!version) {
    return tl::unexpected<base::Error>(version.error());
  }
  if (base::Result<void> known = refuse_newer(*version); !known) {
    return known;
  }
  if (*version != schema_version()) {
    return base::fail(base::ErrorKind::invalid, "the history is of version " +
                                                    std::to_string(*version) +
                                                    "; a start of the agent brings it to version " +
                                                    std::to_string(schema_version()));
  }
  return {};
}

}  // namespace heapwatch::history
