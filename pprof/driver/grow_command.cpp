// `pprof grow`: a series of profiles from files, or fetched one after the other.
#include <algorithm>
#include <cmath>
#include <ostream>
#include <utility>

#include "base/printable.h"
#include "pprof/driver/driver.h"
#include "pprof/go_number.h"
#include "pprof/grow.h"
#include "pprof/site.h"

namespace heapwatch::pprof {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;
using std::chrono::milliseconds;

constexpr const char* help =
    "usage: heapwatch pprof grow [flags] source source...                  profiles that are "
    "there\n"
    "       heapwatch pprof grow -every 30s -count 10 [flags] source...    profiles fetched in "
    "turn\n"
    "\n"
    "Compares the profiles stack by stack and ranks what grows, the most suspect first. Each stack "
    "has\n"
    "its growth from the first profile to the last, its rate (the median of the slopes of all "
    "pairs),\n"
    "how many of the pairs rise, and its values. It rose only if that is more than sampling makes "
    "by "
    "chance;\n"
    "else it is steady. It grew only if it rises at one rate to the end, which takes six profiles. "
    "Ctrl-C\n"
    "ends a series with what there is.\n"
    "\n"
    "Go's heap profile changes when a garbage collection ends. -gc asks for one before each "
    "snapshot:\n"
    "\n"
    "  heapwatch pprof grow -every 30s -count 10 -gc -kind heap localhost:5000\n"
    "  heapwatch pprof grow -kind goroutine -every 1m -count 60 -json localhost:5000\n"
    "\n"
    "-json is for programs, -flame -output=grown.html is a flame graph, -nodecount=N shows N "
    "stacks.\n"
    "All flags:\n";

struct Rounds {
  milliseconds every{0};
  std::int64_t count = 1;
};

/// `30s`, `1.5m`, `2h`, `500ms`, or a number of seconds.
Result<milliseconds> parse_interval(const std::string& text) {
  struct Unit {
    std::string_view name;
    double ms;
  };
  constexpr Unit units[] = {{"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}, {"", 1e3}};
  for (const Unit& unit : units) {
    if (!text.ends_with(unit.name)) {
      continue;
    }
    const auto number =
        parse_go_float(std::string_view{text}.substr(0, text.size() - unit.name.size()));
    if (!number || !(*number > 0) || *number > 1e9) {
      break;
    }
    return milliseconds(std::llround(*number * unit.ms));
  }
  return fail(ErrorKind::invalid, "an interval is a number and one of ms, s, m, h");
}

std::vector<ExtraFlag> grow_flags(Rounds& rounds) {
  return {{"every", false, "Fetch the sources again each 30s, 5m, 1h, ...",
           [&](const std::string& value) -> Result<void> {
             const auto interval = parse_interval(value);
             if (!interval) {
               return tl::unexpected(interval.error());
             }
             rounds.every = *interval;
             return {};
           }},
          {"count", false, "How often the sources are fetched, with -every",
           [&](const std::string& value) -> Result<void> {
             const auto count = parse_go_integer(value, 0);
             if (!count || *count < 1) {
               return fail(ErrorKind::invalid, "a count is 1 or more");
             }
             rounds.count = *count;
             return {};
           }}};
}

/// Sources that cannot be read are told and left out.
void read_round(std::vector<Snapshot>& snapshots, const CommandLine& line, std::ostream& err,
                const Seams& seams) {
  const Warn warn = [&](const std::string& message) {
    err << base::printable_lines(message) << "\n";
  };
  for (const std::string& source : line.sources) {
    auto profile = load_source(source, line, seams, warn);
    if (!profile) {
      err << shown_source(source) << ": " << base::printable_lines(profile.error().message) << "\n";
      continue;
    }
    if (!line.all_frames) {
      drop_uninteresting(*profile);
      name_sites(*profile);
    }
    snapshots.push_back({shown_source(source), std::move(*profile)});
  }
}

Result<std::vector<Snapshot>> read_series(const CommandLine& line, const Rounds& rounds,
                                          std::ostream& err, const Seams& seams) {
  if ((rounds.count > 1) != (rounds.every.count() > 0)) {
    return fail(ErrorKind::invalid, "-every and -count go together: -every=30s -count=10");
  }
  std::vector<Snapshot> snapshots;
  for (std::int64_t round = 1; round <= rounds.count; ++round) {
    if (round > 1) {
      if (!seams.pause || !seams.pause(rounds.every)) {
        break;
      }
    }
    if (rounds.count > 1) {
      err << "Snapshot " << round << " of " << rounds.count << "\n";
    }
    read_round(snapshots, line, err, seams);
    if (snapshots.empty()) {  // what nobody answers now is a wrong address
      break;
    }
  }
  if (snapshots.empty()) {
    return fail(ErrorKind::not_found, "failed to fetch any source profiles");
  }
  return snapshots;
}

Result<void> run_line(CommandLine line, const Rounds& rounds, std::ostream& out, std::ostream& err,
                      const Seams& seams) {
  const Format format = line.format.value_or(Format::top);
  const bool is_flame = format == Format::flame;
  if (!is_flame && (format != Format::top || line.encoding == Encoding::csv)) {
    return fail(ErrorKind::invalid, "growth is told as text, with -json or with -flame");
  }
  if (!line.base.empty()) {
    return fail(ErrorKind::invalid, "growth has no -base and -diff_base");
  }
  auto snapshots = read_series(line, rounds, err, seams);
  if (!snapshots) {
    return tl::unexpected(snapshots.error());
  }
  const auto warn = [&](const std::string& message) {
    err << base::printable_lines(message) << "\n";
  };
  auto growth = measure_growth(std::move(*snapshots), line.options, warn);
  if (!growth) {
    return tl::unexpected(growth.error());
  }
  const bool collects =
      seams.collects && std::all_of(line.sources.begin(), line.sources.end(), seams.collects);
  if (const auto sentence = repeats_sentence(*growth, collects); !sentence.empty()) {
    warn(sentence);
  }
  if (!is_flame) {
    const std::string text = line.encoding == Encoding::json ? growth_json(*growth, line.options)
                                                             : growth_text(*growth, line.options);
    return write_report(format, text, line.options.output, out, err, seams);
  }
  if (!seams.other) {
    return fail(ErrorKind::invalid, "this program makes no -flame");
  }
  // What the options choose and filter is chosen and filtered.
  ReportOptions left;
  left.output = line.options.output;
  left.unit = line.options.unit;
  line.options = left;
  const auto bytes = seams.other(line, Session(std::move(growth->profile)));
  if (!bytes) {
    return tl::unexpected(bytes.error());
  }
  return write_report(format, *bytes, line.options.output, out, err, seams);
}

}  // namespace

int run_grow(std::span<const std::string> args, std::ostream& out, std::ostream& err,
             const Seams& seams) {
  Rounds rounds;
  std::vector<ExtraFlag> extra = grow_flags(rounds);
  extra.insert(extra.end(), seams.extra_flags.begin(), seams.extra_flags.end());
  auto line = parse_command_line(
      args, [&](const std::string& text) { err << text << "\n"; }, extra);
  if (!line) {
    err << "pprof: " << base::printable_lines(line.error().message) << "\n";
    return exit_failure;
  }
  if (line->wants_help) {
    err << help << flag_list(extra);
    return 0;
  }
  if (auto done = run_line(std::move(*line), rounds, out, err, seams); !done) {
    err << "pprof: " << base::printable_lines(done.error().message) << "\n";
    return exit_failure;
  }
  return 0;
}

}  // namespace heapwatch::pprof
