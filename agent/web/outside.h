// The live page without an agent: of processes that are looked at from outside, and of files.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/web/api.h"
#include "agent/web/feed.h"
#include "agent/web/temporary_folder.h"
#include "agent/web/watches.h"
#include "history/recorder.h"
#include "net/routes.h"

namespace heapwatch::agent::web {

/// Watches processes as the check `memory` does, and keeps what it sees in a temporary file.
///
/// Threads: any.
class OutsideHistory {
 public:
  struct Options {
    std::chrono::milliseconds every{2'000};
    /// Processes that are watched as soon as they are there, asked before each look; null: those of
    /// watch() alone.
    std::function<std::vector<int>()> processes;
    /// Where such a process tells its counters, if it is a Go program; null: none does.
    std::function<std::optional<net::HttpRequest>(int pid)> page;
    std::string version;  // of heapwatch
  };

  /// Errors: those of the temporary folder.
  [[nodiscard]] static base::Result<std::unique_ptr<OutsideHistory>> start(Options options);
  OutsideHistory(const OutsideHistory&) = delete;
  OutsideHistory& operator=(const OutsideHistory&) = delete;
  ~OutsideHistory();

  /// `page`: where a Go program tells its counters and has its profiles. Errors: not_found when
  /// there is no such process.
  [[nodiscard]] base::Result<void> watch(int pid, std::optional<net::HttpRequest> page = {});
  /// The page and its API. This object must outlive whoever serves them.
  [[nodiscard]] std::vector<net::Route> routes();

 private:
  OutsideHistory(TemporaryFolder folder, Options options);

  void after_round();

  TemporaryFolder folder_;
  Options options_;
  history::Recorder recorder_;
  Feed feed_;
  Watches watches_;
  Api api_;
};

/// A file of the history, or an incident file. Nothing is added to it.
///
/// Threads: any.
class FileHistory {
 public:
  /// Errors: not_found, io; invalid when it is neither; those of reading it.
  [[nodiscard]] static base::Result<std::unique_ptr<FileHistory>> open(
      const std::filesystem::path& file, const std::string& version);

  /// The page and its API. This object must outlive whoever serves them.
  [[nodiscard]] std::vector<net::Route> routes();

 private:
  FileHistory(std::optional<TemporaryFolder> folder, const std::filesystem::path& history,
              const std::string& version);

  std::optional<TemporaryFolder> folder_;  // of what was an incident file
  Api api_;
};

/// Whether a file is one of SQLite, by how it begins. Errors: not_found, io.
[[nodiscard]] base::Result<bool> is_database(const std::filesystem::path& file);

/// Reads an incident file into a new history. Errors: those of both.
[[nodiscard]] base::Result<void> unpack_incident(const std::filesystem::path& file,
                                                 const std::filesystem::path& history);

}  // namespace heapwatch::agent::web
