#include "pprof/driver/driver.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <ostream>
#include <utility>
#include <vector>

#include "base/file.h"
#include "pprof/driver/flags.h"
#include "pprof/gunzip.h"
#include "pprof/merge.h"
#include "pprof/report.h"

namespace heapwatch::pprof {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr int exit_failure = 2;
constexpr std::size_t source_bytes_max = std::size_t{64} << 20U;

bool is_binary(ReportKind kind) {
  return kind == ReportKind::proto || kind == ReportKind::topproto || kind == ReportKind::callgrind;
}

class Driver {
 public:
  Driver(CommandLine line, std::ostream& out, std::ostream& err, const Seams& seams)
      : line_(std::move(line)), out_(out), err_(err), seams_(seams) {}

  Result<void> run() {
    if (!line_.kind) {
      return fail(ErrorKind::invalid, "no output format given; one of -top, -tree, -dot, ...");
    }
    auto profile = read_all();
    if (!profile) return tl::unexpected(profile.error());
    const ReportRequest request{*line_.kind, line_.pattern, line_.options};
    ReportSeams report_seams;
    report_seams.warn = warn();
    report_seams.read_source = [](const std::string& path) {
      return base::read_file(path, source_bytes_max);
    };
    report_seams.working_folder = seams_.working_folder;
    auto text = make_report(std::move(*profile), request, report_seams);
    if (!text) return tl::unexpected(text.error());
    return write(*line_.kind, *text);
  }

 private:
  [[nodiscard]] Warn warn() const {
    return [this](const std::string& message) { err_ << message << "\n"; };
  }

  Result<Profile> read_all() {
    auto source = read_group(line_.sources, "source");
    if (!source) return source;
    if (!line_.base.empty()) {
      const std::vector<std::string> bases = {line_.base};
      auto base_profile = read_group(bases, "base");
      if (!base_profile) return base_profile;
      source = subtract(std::move(*source), std::move(*base_profile),
                        {line_.is_diff_base, line_.options.normalize});
      if (!source) return source;
    }
    if (!line_.all_frames) drop_uninteresting(*source);
    if (!line_.add_comment.empty()) {
      source->comments.push_back(source->strings.add(line_.add_comment));
    }
    return source;
  }

  /// All sources of one side as one profile; those that cannot be read are told and left out.
  Result<Profile> read_group(std::span<const std::string> sources, const std::string& what) {
    std::vector<Profile> profiles;
    for (const std::string& source : sources) {
      auto profile = read(source);
      if (profile) {
        profiles.push_back(std::move(*profile));
      } else {
        err_ << source << ": " << profile.error().message << "\n";
      }
    }
    if (profiles.empty()) {
      return fail(ErrorKind::not_found, "failed to fetch any " + what + " profiles");
    }
    if (profiles.size() != sources.size()) {
      err_ << "Fetched " << profiles.size() << " " << what << " profiles out of " << sources.size()
           << "\n";
    }
    if (profiles.size() == 1) return std::move(profiles[0]);
    if (auto compatible = make_compatible(profiles); !compatible) {
      return tl::unexpected(compatible.error());
    }
    return merge(std::move(profiles));
  }

  Result<Profile> read(const std::string& source) {
    Result<std::string> bytes;
    struct stat status {};
    if (stat(source.c_str(), &status) == 0) {
      bytes = base::read_file(source, seams_.limits.bytes_max);
    } else if (seams_.fetch) {
      bytes = seams_.fetch({source, line_.seconds, line_.timeout_s});
    } else {
      return fail(ErrorKind::not_found, "no such file");
    }
    if (!bytes) return tl::unexpected(bytes.error());
    auto profile = parse_profile(std::move(*bytes), seams_.limits);
    if (profile) adopt(*profile);
    return profile;
  }

  /// A profile without mappings gets one for all its locations.
  void adopt(Profile& profile) const {
    if (profile.mappings.empty()) {
      profile.mappings.push_back({.id = 1});
      for (Location& location : profile.locations) location.mapping = 0;
    }
    if (!line_.build_id.empty() && profile.mappings[0].build_id == 0) {
      profile.mappings[0].build_id = profile.strings.add(line_.build_id);
    }
  }

  Result<void> write(ReportKind kind, const std::string& text) {
    const bool is_proto = kind == ReportKind::proto || kind == ReportKind::topproto;
    const std::string bytes = is_proto ? gzip(text) : text;
    std::string path = line_.options.output;
    if (path.empty()) {
      if (!is_binary(kind) || !seams_.output_is_terminal) {
        out_ << bytes;
        return {};
      }
      path = free_name(kind == ReportKind::callgrind ? ".callgraph.out" : ".pb.gz");
    }
    err_ << "Generating report in " << path << "\n";
    std::ofstream file(path, std::ios::binary);
    file << bytes;
    file.close();
    if (!file) return fail(ErrorKind::io, "cannot write the report to " + path);
    return {};
  }

  /// `profile001.pb.gz`, or the next number that is free.
  static std::string free_name(const std::string& extension) {
    for (int number = 1;; ++number) {
      std::string name = "profile" + std::to_string(1000 + number).substr(1) + extension;
      if (number == 999 || !std::filesystem::exists(name)) return name;
    }
  }

  CommandLine line_;
  std::ostream& out_;
  std::ostream& err_;
  const Seams& seams_;
};

}  // namespace

int run_pprof(std::span<const std::string> args, std::ostream& out, std::ostream& err,
              const Seams& seams) {
  auto line = parse_command_line(args, [&](const std::string& text) { err << text << "\n"; });
  if (!line) {
    err << "pprof: " << line.error().message << "\n";
    return exit_failure;
  }
  if (line->wants_help) {
    err << usage();
    return 0;
  }
  if (auto done = Driver(std::move(*line), out, err, seams).run(); !done) {
    err << "pprof: " << done.error().message << "\n";
    return exit_failure;
  }
  return 0;
}

}  // namespace heapwatch::pprof
