// Tar archives of plain files, as `tar` makes and takes them (the ustar form).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <istream>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace heapwatch::history {

/// Takes bytes in their order. Errors end what is written.
using Output = std::function<base::Result<void>(std::string_view bytes)>;

/// Threads: one.
class TarWriter {
 public:
  /// Of a name: what fits the field that every reader knows.
  static constexpr std::size_t name_bytes_max = 100;

  explicit TarWriter(Output output) : output_(std::move(output)) {}

  /// A plain file, readable by all. Units: ms since 1970. Errors: limit for a name that is too
  /// long; those of the output.
  [[nodiscard]] base::Result<void> add(const std::string& name, std::string_view bytes,
                                       std::int64_t time);
  /// What an archive ends with. Nothing may come behind it.
  [[nodiscard]] base::Result<void> finish();

 private:
  Output output_;
};

/// Reads an archive of which nothing is trusted: not its sizes, not its names, not its end.
///
/// Folders and the notes that some programs put before a file are passed over. Threads: one.
/// Ownership: the stream must outlive it.
class TarReader {
 public:
  struct Limits {
    std::size_t entries_max = 20'000;
    std::uint64_t bytes_max = std::uint64_t{1} << 31U;  // of all entries, those passed over too
  };

  explicit TarReader(std::istream& in) : TarReader(in, Limits{}) {}
  TarReader(std::istream& in, Limits limits) : in_(in), limits_(limits) {}

  struct Entry {
    std::string name;
    std::uint64_t size = 0;
  };

  /// The next plain file; absent at the end. Errors: invalid for what is no tar archive, or holds a
  /// link, a device, or a name that leads out of a folder; limit.
  [[nodiscard]] base::Result<std::optional<Entry>> next();
  /// The bytes of the entry that next() returned last. Errors: limit when it has more than
  /// `bytes_max`; invalid when the file ends before.
  [[nodiscard]] base::Result<std::string> read(std::size_t bytes_max);

 private:
  [[nodiscard]] base::Result<void> pass_over();

  std::istream& in_;
  Limits limits_;
  std::size_t entries_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t left_ = 0;     // of the entry's bytes
  std::uint64_t padding_ = 0;  // behind them
};

}  // namespace heapwatch::history
