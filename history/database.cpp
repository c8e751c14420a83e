#include "history/database.h"

#include <sqlite3.h>

#include <utility>

namespace heapwatch::history {

namespace {

constexpr int busy_timeout_ms = 2000;

base::ErrorKind kind_of(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return base::ErrorKind::limit;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return base::ErrorKind::invalid;
    case SQLITE_CANTOPEN:
      return base::ErrorKind::not_found;
    default:
      return base::ErrorKind::io;
  }
}

tl::unexpected<base::Error> failure(sqlite3* database) {
  const char* file = sqlite3_db_filename(database, "main");
  return base::fail(
      kind_of(sqlite3_extended_errcode(database)),
      std::string(file == nullptr ? "history" : file) + ": " + sqlite3_errmsg(database));
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  (void)sqlite3_finalize(statement);
}

void Statement::restart() {
  (void)sqlite3_reset(statement_.get());
  (void)sqlite3_clear_bindings(statement_.get());
}

void Statement::put(int place, std::int64_t value) {
  (void)sqlite3_bind_int64(statement_.get(), place, value);
}

void Statement::put(int place, std::string_view text) {
  // A null pointer would be the value NULL.
  (void)sqlite3_bind_text64(statement_.get(), place, text.data() == nullptr ? "" : text.data(),
                            text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void Statement::put(int place, const std::optional<std::int64_t>& value) {
  if (value) {
    put(place, *value);
  } else {
    (void)sqlite3_bind_null(statement_.get(), place);
  }
}

void Statement::put(int place, const Blob& blob) {
  (void)sqlite3_bind_blob64(statement_.get(), place, blob.bytes.data(), blob.bytes.size(),
                            SQLITE_STATIC);
}

base::Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) {
    return true;
  }
  if (code == SQLITE_DONE) {
    (void)sqlite3_reset(statement_.get());
    return false;
  }
  auto failed = failure(database_);
  (void)sqlite3_reset(statement_.get());
  return failed;
}

base::Result<std::optional<std::int64_t>> Statement::first() {
  const base::Result<bool> row = step();
  if (!row) {
    return tl::unexpected(row.error());
  }
  const std::optional<std::int64_t> value = *row ? std::optional(integer(0)) : std::nullopt;
  (void)sqlite3_reset(statement_.get());
  return value;
}

base::Result<void> Statement::run() {
  base::Result<bool> row = true;
  while (row && *row) {
    row = step();
  }
  if (!row) {
    return tl::unexpected(row.error());
  }
  return {};
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::string_view Statement::bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return data == nullptr
             ? std::string_view{}
             : std::string_view{static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

void Database::Close::operator()(sqlite3* database) const {
  (void)sqlite3_close_v2(database);
}

base::Result<Database> Database::open(const std::filesystem::path& path, Mode mode) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  switch (mode) {
    case Mode::read:
      flags |= SQLITE_OPEN_READONLY;
      break;
    case Mode::write:
      flags |= SQLITE_OPEN_READWRITE;
      break;
    case Mode::create:
      flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
      break;
  }
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &opened, flags, nullptr);
  Database database(opened);
  if (code != SQLITE_OK) {
    return base::fail(
        kind_of(code),
        path.string() + ": " + (opened == nullptr ? "no memory" : sqlite3_errmsg(opened)));
  }
  (void)sqlite3_busy_timeout(opened, busy_timeout_ms);
  return database;
}

base::Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* made = nullptr;
  if (sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &made, nullptr) != SQLITE_OK) {
    return failure(database_.get());
  }
  Statement statement;
  statement.statement_.reset(made);
  statement.database_ = database_.get();
  return statement;
}

base::Result<void> Database::execute(const std::string& sql) {
  if (sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return failure(database_.get());
  }
  return {};
}

base::Result<std::int64_t> Database::integer(std::string_view sql) {
  base::Result<Statement> statement = prepare(sql);
  if (!statement) {
    return tl::unexpected(statement.error());
  }
  const base::Result<std::optional<std::int64_t>> value = statement->first();
  if (!value) {
    return tl::unexpected(value.error());
  }
  return value->value_or(0);
}

std::int64_t Database::last_id() const {
  return sqlite3_last_insert_rowid(database_.get());
}

std::int64_t Database::changes() const {
  return sqlite3_changes64(database_.get());
}

base::Result<Transaction> Transaction::begin(Database& database) {
  if (const base::Result<void> begun = database.execute("BEGIN IMMEDIATE"); !begun) {
    return tl::unexpected(begun.error());
  }
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  if (database_ != nullptr) {
    (void)database_->execute("ROLLBACK");
  }
}

base::Result<void> Transaction::commit() {
  base::Result<void> done = database_->execute("COMMIT");
  if (done) {
    database_ = nullptr;
  }
  return done;
}

}  // namespace heapwatch::history
