#include "pprof/driver/driver.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <ostream>
#include <set>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/printable.h"
#include "pprof/driver/flags.h"
#include "pprof/encode.h"
#include "pprof/graph.h"
#include "pprof/gunzip.h"
#include "pprof/merge.h"
#include "pprof/site.h"

namespace heapwatch::pprof {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::size_t source_bytes_max = std::size_t{64} << 20U;
constexpr int saved_files_max = 9999;

bool is_file(const std::string& source) {
  struct stat status {};
  return stat(source.c_str(), &status) == 0;
}

/// A profile without mappings gets one for all its locations.
void adopt(Profile& profile, const CommandLine& line) {
  if (profile.mappings.empty()) {
    profile.mappings.push_back({.id = 1});
    for (Location& location : profile.locations) {
      location.mapping = 0;
    }
  }
  Mapping& program = profile.mappings[0];
  if (!line.program.empty()) {
    program.file = profile.strings.add(line.program);
  }
  if (!line.build_id.empty() && program.build_id == 0) {
    program.build_id = profile.strings.add(line.build_id);
  }
}

/// `url`: where the bytes come from; empty: a file.
Result<Profile> parse_source(std::string bytes, const std::string& url, const CommandLine& line,
                             const Seams& seams, const Warn& warn) {
  auto profile = parse_profile(std::move(bytes), line.limits);
  if (!profile) {
    return profile;
  }
  adopt(*profile, line);
  if (seams.symbols.open || seams.symbols.post) {
    SymbolizeRequest request{parse_symbolize_mode(line.symbolize, warn), url, {}};
    const auto variable = [&](const char* name) {
      return seams.environment ? seams.environment(name).value_or("") : std::string();
    };
    request.binary_folders = variable("PPROF_BINARY_PATH");
    if (request.binary_folders.empty()) {
      request.binary_folders = variable("HOME") + "/pprof/binaries";
    }
    symbolize(*profile, request, seams.symbols, warn);
  }
  return profile;
}

FetchRequest fetch_request(const std::string& source, const CommandLine& line) {
  return {source, line.seconds, line.timeout_s, line.tls, line.limits.bytes_max};
}

/// Reads what a command line names.
class Loader {
 public:
  Loader(const CommandLine& line, std::ostream& err, const Seams& seams)
      : line_(line), err_(err), seams_(seams) {}

  Result<Loaded> run() {
    fetch_all();
    auto source = read_group(line_.sources, "source");
    if (!source) {
      return tl::unexpected(source.error());
    }
    if (!line_.base.empty()) {
      const std::vector<std::string> bases = {line_.base};
      auto base_profile = read_group(bases, "base");
      if (!base_profile) {
        return tl::unexpected(base_profile.error());
      }
      source = subtract(std::move(*source), std::move(*base_profile),
                        {line_.is_diff_base, line_.options.normalize}, warn());
      if (!source) {
        return tl::unexpected(source.error());
      }
    }
    if (!line_.all_frames) {
      drop_uninteresting(*source);
      name_sites(*source);
    }
    if (!line_.add_comment.empty()) {
      source->comments.push_back(source->strings.add(line_.add_comment));
    }
    return Loaded{Session(std::move(*source)), has_remote_source_};
  }

 private:
  /// All URLs at once, so that profiles over time are of the same time.
  void fetch_all() {
    if (!seams_.fetch) {
      return;
    }
    std::vector<FetchRequest> requests;
    const auto add = [&](const std::string& source) {
      if (!is_file(source)) {
        requests.push_back(fetch_request(source, line_));
      }
    };
    for (const std::string& source : line_.sources) {
      add(source);
    }
    if (!line_.base.empty()) {
      add(line_.base);
    }
    if (requests.empty()) {
      return;
    }
    auto answers = seams_.fetch(requests);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      fetched_.emplace(requests[i].url, std::move(answers[i]));
    }
  }

  [[nodiscard]] Warn warn() const {
    return [this](const std::string& message) { err_ << message << "\n"; };
  }

  /// All sources of one side as one profile; those that cannot be read are told and left out.
  Result<Profile> read_group(std::span<const std::string> sources, const std::string& what) {
    std::vector<Profile> profiles;
    for (const std::string& source : sources) {
      auto profile = read(source);
      if (profile) {
        profiles.push_back(std::move(*profile));
      } else {
        err_ << shown_source(source) << ": " << profile.error().message << "\n";
      }
    }
    if (profiles.empty()) {
      return fail(ErrorKind::not_found, "failed to fetch any " + what + " profiles");
    }
    if (profiles.size() != sources.size()) {
      err_ << "Fetched " << profiles.size() << " " << what << " profiles out of " << sources.size()
           << "\n";
    }
    if (profiles.size() == 1) {
      return std::move(profiles[0]);
    }
    if (auto compatible = make_compatible(profiles, warn()); !compatible) {
      return tl::unexpected(compatible.error());
    }
    return merge(std::move(profiles));
  }

  Result<Profile> read(const std::string& source) {
    const auto fetched = fetched_.find(source);
    if (fetched == fetched_.end()) {
      return load_source(source, line_, seams_, warn_once());
    }
    auto bytes = std::move(fetched->second);
    fetched_.erase(fetched);
    if (!bytes) {
      return tl::unexpected(bytes.error());
    }
    has_remote_source_ = true;
    return parse_source(std::move(*bytes), source, line_, seams_, warn_once());
  }

  /// What is said of one source is true of its neighbours, too.
  [[nodiscard]] Warn warn_once() {
    return [this](const std::string& message) {
      if (told_.insert(message).second) {
        err_ << base::printable_lines(message) << "\n";
      }
    };
  }

  const CommandLine& line_;
  std::ostream& err_;
  const Seams& seams_;
  std::multimap<std::string, Result<std::string>> fetched_;
  std::set<std::string> told_;
  bool has_remote_source_ = false;
};

/// `profile001.pb.gz`, or the next number that is free.
std::string free_name(std::string_view extension) {
  for (int number = 1;; ++number) {
    std::string name = "profile" + std::to_string(1000 + number).substr(1) + std::string(extension);
    if (number == 999 || !std::filesystem::exists(name)) {
      return name;
    }
  }
}

Result<void> write_file(const std::string& path, const std::string& bytes) {
  if (auto written = base::write_file(path, bytes); !written) {
    return fail(written.error().kind, "cannot write to " + written.error().message);
  }
  return {};
}

Result<void> run_line(const CommandLine& line, std::ostream& out, std::ostream& err,
                      const Seams& seams) {
  auto loaded = load_profile(line, err, seams);
  if (!loaded) {
    return tl::unexpected(loaded.error());
  }
  if (loaded->has_remote_source) {
    if (const auto path = save_profile(loaded->session.profile(), seams)) {
      err << "Saved profile in " << base::printable(*path) << "\n";
    } else {
      err << "Could not save profile: " << base::printable(path.error().message) << "\n";
    }
  }
  if (line.format && info_of(*line.format).is_report) {
    const ReportRequest request{info_of(*line.format).kind, line.pattern, line.options,
                                line.encoding};
    const auto text =
        make_report(std::move(loaded->session).take(), request, report_seams(err, seams));
    if (!text) {
      return tl::unexpected(text.error());
    }
    return write_report(*line.format, *text, line.options.output, out, err, seams);
  }
  if (!seams.other) {
    return fail(ErrorKind::invalid,
                line.format ? "this program makes no -" + std::string(info_of(*line.format).name)
                            : "no output format given; one of -top, -tree, "
                              "-dot, ...");
  }
  const auto bytes = seams.other(line, std::move(loaded->session));
  if (!bytes) {
    return tl::unexpected(bytes.error());
  }
  if (bytes->empty() || !line.format) {
    return {};
  }
  return write_report(*line.format, *bytes, line.options.output, out, err, seams);
}

}  // namespace

std::string shown_source(const std::string& source) {
  const std::size_t scheme = source.find("://");
  const std::size_t start = scheme == std::string::npos ? 0 : scheme + 3;
  const std::size_t at = source.substr(0, source.find('/', start)).rfind('@');
  return at == std::string::npos || at < start || is_file(source)
             ? source
             : source.substr(0, start) + source.substr(at + 1);
}

Result<Profile> load_source(const std::string& source, const CommandLine& line, const Seams& seams,
                            const Warn& warn) {
  Result<std::string> bytes;
  const bool is_local = is_file(source);
  if (is_local) {
    bytes = base::read_file(source, line.limits.bytes_max);
    // Who asks tells the name itself.
    const std::string named = source + ": ";
    if (!bytes && bytes.error().message.starts_with(named)) {
      bytes = fail(bytes.error().kind, bytes.error().message.substr(named.size()));
    }
    if (!bytes && bytes.error().kind == ErrorKind::limit) {
      bytes = fail(ErrorKind::limit, bytes.error().message + " (-profile_bytes_max)");
    }
  } else if (seams.fetch) {
    const FetchRequest request = fetch_request(source, line);
    bytes = std::move(seams.fetch({&request, 1}).at(0));
  } else {
    return fail(ErrorKind::not_found, "open " + source + ": no such file or directory");
  }
  if (!bytes) {
    return tl::unexpected(bytes.error());
  }
  return parse_source(std::move(*bytes), is_local ? "" : source, line, seams, warn);
}

Result<Loaded> load_profile(const CommandLine& line, std::ostream& err, const Seams& seams) {
  return Loader(line, err, seams).run();
}

Result<std::string> save_profile(const Profile& profile, const Seams& seams) {
  std::string name = "pprof.";
  if (!profile.mappings.empty() && profile.mappings[0].file != 0) {
    name += std::string(base_name(profile.text(profile.mappings[0].file))) + ".";
  }
  for (const ValueType& type : profile.sample_types) {
    name += std::string(profile.text(type.type)) + ".";
  }
  // What a profile calls its types does not lead out of the folder.
  std::replace(name.begin(), name.end(), '/', '_');
  const std::string start = folder_for_profiles(seams) + "/" + name;
  for (int number = 1; number <= saved_files_max; ++number) {
    std::string digits = std::to_string(number);
    digits.insert(0, digits.size() < 3 ? 3 - digits.size() : 0, '0');
    const std::string path = start + digits + ".pb.gz";
    // "x": somebody else may take the name at the same time.
    std::FILE* const file = std::fopen(path.c_str(), "wbx");
    if (file == nullptr) {
      if (errno == EEXIST) {
        continue;
      }
      return fail(ErrorKind::io, "cannot create " + path + ": " + std::strerror(errno));
    }
    const std::string bytes = gzip(encode_proto(profile));
    const bool is_written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
    if (std::fclose(file) != 0 || !is_written) {
      const int why = errno;
      (void)std::remove(path.c_str());
      return fail(ErrorKind::io, "cannot write " + path + ": " + std::strerror(why));
    }
    return path;
  }
  return fail(ErrorKind::limit,
              "all names up to " + start + std::to_string(saved_files_max) + ".pb.gz are taken");
}

std::string folder_for_profiles(const Seams& seams) {
  const auto variable = [&](const char* name) {
    return seams.environment ? seams.environment(name).value_or("") : std::string();
  };
  std::vector<std::string> folders = {variable("PPROF_TMPDIR")};
  if (const std::string home = variable("HOME"); !home.empty()) {
    folders.push_back(home + "/pprof");
  }
  std::error_code error;
  folders.push_back(std::filesystem::temp_directory_path(error).string());
  for (const std::string& folder : folders) {
    if (folder.empty()) {
      continue;
    }
    std::filesystem::create_directories(folder, error);
    if (std::filesystem::is_directory(folder, error)) {
      return folder;
    }
  }
  return P_tmpdir;  // writing there then says what is wrong
}

ReportSeams report_seams(std::ostream& err, const Seams& seams) {
  ReportSeams made;
  made.warn = [&err](const std::string& message) { err << base::printable_lines(message) << "\n"; };
  made.read_source = [](const std::string& path) {
    return base::read_file(path, source_bytes_max);
  };
  made.working_folder = seams.working_folder;
  return made;
}

Result<void> write_report(Format format, const std::string& bytes, const std::string& output,
                          std::ostream& out, std::ostream& err, const Seams& seams) {
  const bool is_proto = format == Format::proto || format == Format::topproto;
  const std::string compressed = is_proto ? gzip(bytes) : std::string();
  const std::string& content = is_proto ? compressed : bytes;
  std::string path = output;
  if (path.empty()) {
    const std::string_view extension = info_of(format).extension;
    if (extension.empty() || !seams.output_is_terminal) {
      out << content;
      return {};
    }
    path = free_name(extension);
  }
  err << "Generating report in " << path << "\n";
  return write_file(path, content);
}

int run_pprof(std::span<const std::string> args, std::ostream& out, std::ostream& err,
              const Seams& seams) {
  const auto line = parse_command_line(
      args, [&](const std::string& text) { err << text << "\n"; }, seams.extra_flags);
  if (!line) {
    err << "pprof: " << base::printable_lines(line.error().message) << "\n";
    return exit_failure;
  }
  if (line->wants_help) {
    err << usage(seams.extra_flags);
    return 0;
  }
  if (auto done = run_line(*line, out, err, seams); !done) {
    err << "pprof: " << base::printable_lines(done.error().message) << "\n";
    return exit_failure;
  }
  return 0;
}

}  // namespace heapwatch::pprof
