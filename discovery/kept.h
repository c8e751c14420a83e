// The last good list of a source, on the disk: after a restart it holds while the source is broken.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>

#include "base/error.h"
#include "discovery/targets.h"

namespace heapwatch::discovery {

/// A file of mode 0640 in a folder of its own, written as a whole.
class KeptList {
 public:
  /// No folder: nothing is kept.
  KeptList(const std::filesystem::path& folder, std::uint64_t identity);

  struct List {
    Groups groups;
    std::chrono::system_clock::time_point time;  // when it was good last: the file's own
  };
  /// Absent when there is none, or none that can be read.
  [[nodiscard]] std::optional<List> load(const Limits& limits) const;
  /// Errors: io.
  [[nodiscard]] base::Result<void> save(const Groups& groups) const;
  /// What has been saved is good now. False: it is not there.
  [[nodiscard]] bool confirm() const;

  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

 private:
  std::filesystem::path file_;  // empty: none
};

/// Removes the lists in `folder` that are of none of these. How many there were.
std::size_t drop_other_lists(const std::filesystem::path& folder,
                             const std::set<std::uint64_t>& identities);

}  // namespace heapwatch::discovery
