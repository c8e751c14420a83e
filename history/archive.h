// What the file of the history tells: for pages, exports and people.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "history/database.h"
#include "history/store.h"

namespace heapwatch::history {

/// Units: ms since 1970; both ends belong to it.
struct Span {
  std::int64_t from = 0;
  std::int64_t to = 0;
};

/// Frames of a life between two moments, with what is known of each value between two frames.
/// Each column has three lanes.
struct Course {
  std::vector<std::int64_t> times;
  std::map<std::string, Column> columns;  // by the names of series
};

/// Frames of one tier, as they are in the file.
[[nodiscard]] base::Result<Frames> read_frames(Database& database, LifeId life, Tier tier,
                                               Span span, const Wanted& wanted = std::nullopt);

/// Reads a file while a Store writes to it, or when nobody does.
///
/// Threads: one at a time. Errors: those of Database.
class Archive {
 public:
  /// Errors: not_found; invalid when the file is of another version or no history.
  [[nodiscard]] static base::Result<Archive> open(const std::filesystem::path& path);

  static constexpr std::size_t lives_max = 2000;
  static constexpr std::size_t events_max = 2000;
  static constexpr std::size_t profiles_max = 2000;

  /// Those that had a frame in the span, the newest first. `kind` of LifeInfo; empty: of all.
  [[nodiscard]] base::Result<std::vector<Life>> lives(Span span, std::string_view kind = {});
  /// The moment of the newest frame; 0 when there is none.
  [[nodiscard]] base::Result<std::int64_t> newest();
  [[nodiscard]] base::Result<std::optional<Life>> life(LifeId id);
  /// The newest life of a process. Absent when there is none.
  [[nodiscard]] base::Result<std::optional<Life>> life_of_process(std::int64_t pid);

  /// All that is asked until end() is of one moment, whatever is written meanwhile.
  [[nodiscard]] base::Result<void> begin();
  void end();

  /// Of one tier, as they are in the file.
  [[nodiscard]] base::Result<Frames> frames(LifeId life, Tier tier, Span span) {
    return read_frames(*database_, life, tier, span);
  }
  /// Empty when there is no such series.
  [[nodiscard]] base::Result<std::string> name_of(SeriesId series);

  /// About so many frames: of the finest tier that has no more in such a span. Where a tier does
  /// not reach back far enough, or the last minute or hour is not over, another one fills in.
  /// `only`: the series that are wanted; none: all.
  [[nodiscard]] base::Result<Course> course(LifeId life, Span span, std::size_t frames_wanted,
                                            const std::vector<std::string_view>& only = {});

  /// Of a life, or of all; oldest first.
  [[nodiscard]] base::Result<std::vector<Event>> events(std::optional<LifeId> life, Span span);
  /// Oldest first.
  [[nodiscard]] base::Result<std::vector<ProfileInfo>> profiles(LifeId life, Span span);
  /// Errors: not_found.
  [[nodiscard]] base::Result<std::string> profile(std::int64_t id);

 private:
  explicit Archive(std::unique_ptr<Database> database) : database_(std::move(database)) {}
  [[nodiscard]] base::Result<std::vector<Life>> lives_where(const std::string& condition,
                                                            std::string_view bound);
  /// Sorted; those that the file does not know are left out.
  [[nodiscard]] base::Result<std::vector<SeriesId>> ids_of(
      const std::vector<std::string_view>& names);
  [[nodiscard]] base::Result<Frames> three_lanes(LifeId life, Tier tier, Span span,
                                                 const Wanted& wanted);

  std::unique_ptr<Database> database_;
  std::map<SeriesId, std::string> names_;
};

}  // namespace heapwatch::history
