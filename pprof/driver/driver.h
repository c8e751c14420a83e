// The command line of `pprof`, as its users type it: from flags to files and reports.
#pragma once

#include <chrono>
#include <functional>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "pprof/driver/flags.h"
#include "pprof/driver/symbolize.h"
#include "pprof/session.h"

namespace heapwatch::pprof {

struct FetchRequest {
  std::string url;
  int seconds = -1;  // of a profile over time; -1: as the URL says
  int timeout_s = -1;
  TlsFiles tls{};
  std::size_t bytes_max = 0;  // of the answer
};

/// What is read from the sources of a command line.
struct Loaded {
  Session session;
  bool has_remote_source = false;  // so that pprof would save it
};

/// What the command needs from outside, so that it opens no connection itself.
struct Seams {
  /// The bytes of the profiles behind URLs, fetched at the same time, in their order. Empty: only
  /// files are read.
  std::function<std::vector<base::Result<std::string>>(std::span<const FetchRequest>)> fetch;
  /// Runs what is no report of this library: pictures, pages, the shell (`line.format` is none).
  /// Returns the bytes to write where the report goes, which are empty when there is nothing more
  /// to do. Without it such formats are an error.
  std::function<base::Result<std::string>(const CommandLine& line, Session session)> other;
  std::function<std::optional<std::string>(const char* name)> environment;
  /// Waits between rounds of fetching; false when the user wants no more. Empty: no rounds.
  std::function<bool(std::chrono::milliseconds)> pause{};
  /// Whether a source is asked to collect its garbage before it answers. Empty: none is.
  std::function<bool(const std::string& source)> collects{};
  /// Who knows names of what comes without.
  SymbolSeams symbols{};
  std::string working_folder;
  bool output_is_terminal = false;
  std::span<const ExtraFlag> extra_flags{};
};

/// What both return when they could not do it.
inline constexpr int exit_failure = 2;

/// Runs `pprof args...`: reads the sources, and writes the report that the flags ask for.
/// Returns the exit code: 0, or 2 with the error on `err`.
int run_pprof(std::span<const std::string> args, std::ostream& out, std::ostream& err,
              const Seams& seams);

/// Runs `pprof grow args...`: what grew over the sources, or over `-count` fetches of them, one
/// round each `-every`. Otherwise as run_pprof(); `-json` and `-flame` are its other formats, the
/// latter by `Seams::other`.
int run_grow(std::span<const std::string> args, std::ostream& out, std::ostream& err,
             const Seams& seams);

// The steps of run_pprof(), for those who take them one by one.

/// A source as messages show it: URLs without passwords.
[[nodiscard]] std::string shown_source(const std::string& source);

/// Reads one source: a file or a URL, and names what comes without names.
[[nodiscard]] base::Result<Profile> load_source(const std::string& source, const CommandLine& line,
                                                const Seams& seams, const Warn& warn);

/// Reads and merges all sources, subtracts the base, and cuts off what the profile itself drops.
/// Sources that cannot be read are told on `err` and left out, unless none is left.
[[nodiscard]] base::Result<Loaded> load_profile(const CommandLine& line, std::ostream& err,
                                                const Seams& seams);

/// Writes a profile that was fetched to a file under $PPROF_TMPDIR, ~/pprof or the folder for
/// temporary files, under the name that pprof would choose. Returns its path.
[[nodiscard]] base::Result<std::string> save_profile(const Profile& profile, const Seams& seams);

/// The folder into which profiles that were fetched go.
[[nodiscard]] std::string folder_for_profiles(const Seams& seams);

/// The seams of reports: source files are read from disk, warnings go to `err`.
[[nodiscard]] ReportSeams report_seams(std::ostream& err, const Seams& seams);

/// Compresses what has to be (proto, topproto), and writes it where it belongs: to `output` if that
/// is set, to `out`, or to a free file name when `out` is a terminal and the format is binary.
[[nodiscard]] base::Result<void> write_report(Format format, const std::string& bytes,
                                              const std::string& output, std::ostream& out,
                                              std::ostream& err, const Seams& seams);

}  // namespace heapwatch::pprof
