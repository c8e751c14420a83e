// What an incident file says of itself: for its reader.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "history/archive.h"
#include "history/tar.h"

namespace heapwatch::history {

/// Of anything in such a file. Units: ms since 1970.
inline constexpr std::int64_t incident_time_max = std::int64_t{1} << 52U;

/// A life of the file, and which one it is in the history.
struct ImportedLife {
  Life life;  // `id` is the number in the file
  LifeId id = 0;
};

struct ImportedProfile {
  std::int64_t life = 0;
  std::int64_t time = 0;
  std::string kind;
  std::string cause;
};

/// What heapwatch.json says.
struct Manifest {
  std::map<std::int64_t, ImportedLife> lives;  // by their numbers
  std::vector<std::string> series;
  std::map<std::string, ImportedProfile> profiles;  // by file
  std::vector<Event> events;
};

/// Of the first file of the archive. Errors: invalid when it is no incident file, or wrong; limit.
[[nodiscard]] base::Result<Manifest> read_manifest(TarReader& tar);

}  // namespace heapwatch::history
