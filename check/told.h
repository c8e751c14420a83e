// What checks tell the agent about themselves, beside what they measure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

namespace heapwatch::check {

/// A figure of a check's own telemetry.
struct Figure {
  double value = 0;
  bool is_total = false;  // what is told adds up; otherwise the last one counts
  bool operator==(const Figure&) const = default;
};

struct Told {
  std::map<std::string, std::map<std::string, std::string>> metadata;  // by check id, then name
  std::map<std::string, Figure> telemetry;  // by "check.metric" or "check.metric{labels}"
  std::map<std::string, std::map<std::string, std::vector<std::string>>>
      external_tags;                          // by host, then source type
  std::map<std::string, std::string> issues;  // that are not resolved, by check
  bool operator==(const Told&) const = default;
};

// Entries of a map, entries of a map within one, and bytes of a key or a text.
inline constexpr std::size_t told_max = 10'000;
inline constexpr std::size_t told_of_one_max = 1000;
inline constexpr std::size_t told_bytes_max = 4096;
/// Of all checks in processes of their own together, at most told_max things.
inline constexpr std::size_t told_by_processes_bytes_max = std::size_t{16} * 1024 * 1024;

/// The place of `key`; null when it is too long, or new and there are too many.
template <typename Map>
[[nodiscard]] typename Map::mapped_type* place_in(Map& map, const std::string& key,
                                                  std::size_t most = told_max) {
  if (key.size() > told_bytes_max) {
    return nullptr;
  }
  const auto found = map.find(key);
  if (found != map.end()) {
    return &found->second;
  }
  return map.size() >= most ? nullptr : &map[key];
}

/// One thing that is told.
struct Telling {
  enum class Of : std::uint8_t {
    metadata,       // `key`: the name; `text`
    value,          // of telemetry; `key`, `number`
    total,          // of telemetry; `key`; `number`: what it grew by
    external_tags,  // `key`: the host; `text`: the source type; `tags`
    issue,          // `key`: the check; `text`
    resolved,       // issue; `key`: the check
  };
  Of of = Of::metadata;
  std::string key;
  std::string text;
  double number = 0;
  std::vector<std::string> tags;
  bool operator==(const Telling&) const = default;
};

/// What makes `now` of `before`. Metadata is that of one check, whatever its id.
[[nodiscard]] std::vector<Telling> changes(const Told& before, const Told& now);

/// Adds what others told.
void merge(Told& into, const Told& others);

/// What the checks in processes of their own told.
///
/// Threads: any. The processes are not trusted: what is beyond the limits above is left out.
class ToldByProcesses {
 public:
  /// `id`: of the check that tells; `teller`: which of those with this id, since at a reload the
  /// new one is there before the old one is gone.
  void add(const std::string& id, const void* teller, const Telling& telling);
  /// The check is gone, and its metadata with it.
  void forget(const std::string& id, const void* teller);
  [[nodiscard]] Told all() const;

 private:
  /// What is kept apart: `of` (a value for a total, too), the check's id where the thing is its
  /// own, the key, and of tags the source type.
  using Place = std::tuple<Telling::Of, std::string, std::string, std::string>;
  struct Thing {
    Telling told;
    const void* teller = nullptr;
  };
  using Things = std::map<Place, Thing>;

  void take_off(Things::iterator thing);

  mutable std::mutex mutex_;
  Things things_;
  std::size_t bytes_ = 0;
};

}  // namespace heapwatch::check
