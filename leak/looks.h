// What is known of a process over time: plain data, taken by others and judged here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/trend.h"

namespace heapwatch::leak {

/// Resident bytes of one owner in one state. Names are those of memory::name_of.
struct Amount {
  std::string space;  // "go", "native", "python", ...
  std::string owner;  // "glibc"
  std::string state;  // "live", "held", ...
  double bytes = 0;
  friend bool operator==(const Amount&, const Amount&) = default;
};

/// Live blocks of one size, or live objects of one type.
struct Group {
  std::string space;
  std::string name;  // "blocks of 3024 bytes", "Session"
  double count = 0;
  double bytes = 0;
  friend bool operator==(const Group&, const Group&) = default;
};

/// What Go tells of itself. Absent: not known.
struct GoState {
  std::optional<double> collections;
  std::optional<double> next_gc;    // bytes: moves at the end of a collection only
  std::optional<double> heap_live;  // bytes, with garbage since the last collection
  std::optional<double> held;       // bytes: idle and not given back
  std::optional<double> sys;        // bytes taken from the system and not given back
  std::optional<double> goroutines;
  friend bool operator==(const GoState&, const GoState&) = default;
};

/// One look. Absent numbers were not to be had.
struct Look {
  double at = 0;  // seconds since the first one
  double rss = 0;
  std::optional<double> cpu_seconds;    // of the process, since it began
  std::optional<double> virtual_bytes;  // mapped, touched or not
  std::optional<double> threads;
  std::optional<double> descriptors;  // open, without connections that stand
  std::optional<double> connections;  // that stand
  std::vector<Amount> rows;           // add up to RSS; none: counters only
  /// Spaces whose heap changed under the eyes of its reader: their rows do not count.
  std::vector<std::string> torn;
  std::vector<Group> sizes;
  std::vector<Group> types;  // counted at some looks only
  double trim_bytes = 0;     // what malloc_trim would give back
  double arenas = 0;         // of glibc
  /// What is alive by the books of a program that was started to be watched; exact. Spaces as in
  /// rows, and no owner.
  std::vector<Amount> counted;
  std::optional<double> runs;  // of the check, that have ended
  GoState go;
  /// Of the container: what is left until its limit.
  std::optional<double> room;
  friend bool operator==(const Look&, const Look&) = default;
};

struct Frame {
  std::string function;
  std::string file;
  std::int64_t line = 0;
  std::string space;
  friend bool operator==(const Frame&, const Frame&) = default;
};

/// A stack that grew from the first profile that counts to the last one.
struct SiteGrowth {
  std::string space;         // as Finding has it
  std::vector<Frame> stack;  // the innermost call first
  double count = 0;          // objects or goroutines, more than before
  double bytes = 0;          // more than before; 0 for goroutines
  double seconds = 0;        // between the two
  /// What it held at the profiles in between, in bytes, by the times of looks; none: not known.
  std::vector<base::Point> points;
  /// What part of what was alive earlier in that time was so at its end; absent: not known.
  std::optional<double> survival;
  /// Of twelve equal parts of that time: in how many it made blocks that live; absent: not known.
  std::optional<double> ages;
  /// Calls of the application's own, the innermost first, that allocate for others.
  std::size_t helpers = 0;
  friend bool operator==(const SiteGrowth&, const SiteGrowth&) = default;
};

/// All that is known of one target.
struct Watch {
  std::optional<int> pid;
  std::optional<std::string> url;    // without credentials
  std::optional<std::string> check;  // the name of a check
  std::string command;
  std::vector<Look> looks;  // by time
  std::vector<SiteGrowth> sites;
  /// What could not be seen, with the one thing that would allow it.
  std::vector<std::string> missing;
  /// Why it ended before its time: the target ended, or was started anew. Empty: it did not.
  std::string ended;
  bool may_collect = false;  // collections were asked for
  bool is_started = false;   // the first looks are of its start
  /// Seconds from one run of the check to the next, as its configuration has it.
  std::optional<double> run_interval;
  bool is_interrupted = false;
};

/// Limits of what is read from a folder that --save has written.
inline constexpr std::size_t watch_bytes_max = std::size_t{64} << 20;
inline constexpr std::size_t looks_max = 100'000;

/// "heapwatch.looks/1": all of it, as JSON.
[[nodiscard]] std::string to_json(const Watch& watch);
/// Errors: invalid, limit.
[[nodiscard]] base::Result<Watch> parse_watch(std::string_view json);

}  // namespace heapwatch::leak
