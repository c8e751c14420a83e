// SQLite as the rest of the folder uses it: statements that know their types, errors as results.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace heapwatch::history {

class Database;

/// A prepared statement, to be used again and again: bind() all parameters in their order, then
/// step() row by row, or run().
///
/// Threads: those of its database. Ownership: the database must outlive it; texts and bytes that
/// are bound must live until the statement has run; texts and bytes of a row live until the next
/// step.
class Statement {
 public:
  Statement() = default;

  template <typename... Values>
  Statement& bind(const Values&... values) {
    restart();
    int place = 0;
    (put(++place, values), ...);
    return *this;
  }

  /// Whether there is a row.
  [[nodiscard]] base::Result<bool> step();
  /// The first value of the first row, absent when there is none; the statement is over then. One
  /// that is not holds up what changes the file as a whole.
  [[nodiscard]] base::Result<std::optional<std::int64_t>> first();
  /// For what returns no rows.
  [[nodiscard]] base::Result<void> run();

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::string_view bytes(int column) const;
  [[nodiscard]] std::string text(int column) const { return std::string(bytes(column)); }

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };

  void restart();
  void put(int place, std::int64_t value);
  void put(int place, std::string_view text);
  void put(int place, const std::optional<std::int64_t>& value);
  /// Bytes rather than text.
  struct Blob {
    std::string_view bytes;
  };
  void put(int place, const Blob& blob);

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  sqlite3* database_ = nullptr;

 public:
  [[nodiscard]] static Blob blob(std::string_view bytes) { return {bytes}; }
};

/// Errors of all functions: limit when the disk or the bound of the file is full; invalid when the
/// file is no database or a damaged one; io for the rest. Messages name the file.
///
/// Threads: one at a time.
class Database {
 public:
  enum class Mode : std::uint8_t { read, write, create };

  [[nodiscard]] static base::Result<Database> open(const std::filesystem::path& path, Mode mode);

  [[nodiscard]] base::Result<Statement> prepare(std::string_view sql);
  /// One or more statements without parameters.
  [[nodiscard]] base::Result<void> execute(const std::string& sql);
  /// The first value of the first row.
  [[nodiscard]] base::Result<std::int64_t> integer(std::string_view sql);
  [[nodiscard]] std::int64_t last_id() const;
  [[nodiscard]] std::int64_t changes() const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };

  explicit Database(sqlite3* database) : database_(database) {}

  std::unique_ptr<sqlite3, Close> database_;
};

/// Undone at its end unless commit() was called.
class Transaction {
 public:
  [[nodiscard]] static base::Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  [[nodiscard]] base::Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}

  Database* database_;
};

}  // namespace heapwatch::history
