// An incident file: a time of some lives, to be looked at on another machine.
//
// A tar archive whose first file is `heapwatch.json`: the lives, the names of the series, the
// events, and which profile is in which file. Then come
//
//   frames/LIFE-TIER-N          blocks of frames (history/frames.h), as they are imported; their
//                               series are places in the list of names, which begins with 0
//   metrics/LIFE.txt            the same numbers as OpenMetrics text with timestamps, for others
//   profiles/NAME.pb.gz         as pprof reads them
//
// LIFE is the number of a life in this file. Files of other names are passed over: a later
// heapwatch may add some.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "base/error.h"
#include "history/archive.h"
#include "history/store.h"
#include "history/tar.h"

namespace heapwatch::history {

struct IncidentOptions {
  Span span;
  std::vector<LifeId> lives;  // empty: all that had a frame in the span
  std::string version;        // of heapwatch, for people
  std::int64_t made = 0;      // ms since 1970
};

/// What an incident file holds, or what was taken from one.
struct IncidentCounts {
  std::size_t lives = 0;
  std::size_t frames = 0;
  std::size_t profiles = 0;
  std::size_t events = 0;
};

/// Errors: not_found when there is no life in the span; limit, when the text of one is too long;
/// those of the archive and of the output.
[[nodiscard]] base::Result<IncidentCounts> export_incident(Archive& archive,
                                                           const IncidentOptions& options,
                                                           const Output& output);

/// Adds what the file holds to a history, all of it or nothing. What is there already is not added
/// again; of a life that is there, frames that are behind its last.
///
/// The file may come from anybody. Errors: invalid when it is no incident file, or damaged; limit
/// when it has more of something than one may have; those of the store.
[[nodiscard]] base::Result<IncidentCounts> import_incident(std::istream& in, Store& store);

// What one may have. Units: bytes, where nothing else is said.
inline constexpr std::size_t incident_manifest_max = std::size_t{32} << 20U;
inline constexpr std::size_t incident_metrics_max = std::size_t{256} << 20U;
inline constexpr std::size_t incident_block_max = std::size_t{16} << 20U;
inline constexpr std::size_t incident_lives_max = Archive::lives_max;
inline constexpr std::size_t incident_series_max = 20'000;
inline constexpr std::size_t incident_frames_max = 2'000'000;  // of all lives and tiers
inline constexpr std::size_t incident_text_max = 16'384;       // of a name or an identity

}  // namespace heapwatch::history
