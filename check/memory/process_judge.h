// One watched process and whether it leaks: from looks to what is told of it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "check/memory/leak_places.h"
#include "check/memory/machine.h"
#include "check/memory/published.h"
#include "check/memory/windows.h"

namespace heapwatch::check::memory {

/// Sizes of blocks and types that are taken in of a look; those with the most bytes.
inline constexpr leak::process::GroupLimits judged_groups{.sizes_max = 24, .types_max = 30};

/// Threads: not safe.
class ProcessJudge {
 public:
  /// `lengths` of the windows in seconds, as Windows has them.
  ProcessJudge(const std::vector<double>& lengths, Moment began, int pid,
               std::optional<std::string> url)
      : began_(began), windows_(lengths), published_(lengths), places_(lengths.front()) {
    windows_.is_of(pid, std::move(url));
  }

  void take(Moment now, leak::Look look) {
    look.at = seconds_at(now);
    if (windows_.add(std::move(look))) {
      if (auto change = published_.take(seconds_at(now), windows_.opinion())) {
        change_ = change;
      }
    }
  }

  /// Whether what names the places of its leaks is to be taken now.
  [[nodiscard]] bool wants_places(Moment now) {
    std::vector<std::string> spaces;
    for (const leak::Finding& leak : windows_.opinion().leaks) {
      spaces.push_back(leak.space);
    }
    return places_.is_due(seconds_at(now), spaces);
  }
  [[nodiscard]] bool wants_goroutines() const { return places_.wants_goroutines(); }
  void take_places(Moment now, PlaceSources sources) {
    if (places_.take(seconds_at(now), std::move(sources))) {
      windows_.grows_at(places_.places());
    }
  }

  [[nodiscard]] const Opinion& told() const { return published_.told(); }
  /// How long the verdict has been told.
  [[nodiscard]] std::chrono::nanoseconds told_for(Moment now) const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(seconds_at(now) - published_.since()));
  }
  /// What has changed since it was asked last.
  [[nodiscard]] std::optional<Change> take_change() { return std::exchange(change_, std::nullopt); }

 private:
  [[nodiscard]] double seconds_at(Moment now) const {
    return std::chrono::duration<double>(now - began_).count();
  }

  Moment began_;
  Windows windows_;
  Published published_;
  LeakPlaces places_;
  std::optional<Change> change_;
};

}  // namespace heapwatch::check::memory
