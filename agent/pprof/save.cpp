#include "agent/pprof/save.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <ostream>
#include <utility>

#include "base/descriptor_output.h"
#include "base/file.h"
#include "base/nearest.h"
#include "base/number.h"

namespace heapwatch::agent {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr int exit_failure = 2;
constexpr int numbers_max = 9999;
constexpr std::int64_t seconds_max = 604'800;

constexpr const char* save_usage =
    "usage: heapwatch pprof save [flags] URL\n"
    "       heapwatch pprof save -all [flags] URL [FOLDER]\n\n"
    "Fetches a profile from a running program and keeps it as it came.\n"
    "  -o FILE          where to; - is the standard output (default: a new file in ~/pprof)\n"
    "  -all             all kinds at once, into a new folder (or the one that -o names)\n"
    "  -kind KIND       heap, allocs, goroutine, threadcreate, block, mutex, profile or trace\n"
    "  -gc              a Go program collects garbage before it makes the heap profile\n"
    "  -seconds N       how long profiles over time last (profile: 30, trace: 1)\n"
    "  -timeout N       seconds after which to give up\n"
    "  -header, -user, -token, -token_file, -tls_cert, -tls_key, -tls_ca, -tls_insecure\n"
    "                   as for heapwatch pprof\n";

/// Writes a new file PREFIX.NNN.EXTENSION, with the first number that is free.
Result<std::string> write_numbered(const std::string& prefix, const std::string& extension,
                                   std::string_view bytes) {
  for (int number = 1; number <= numbers_max; ++number) {
    std::string digits = std::to_string(number);
    digits.insert(0, digits.size() < 3 ? 3 - digits.size() : 0, '0');
    std::string path = prefix + "." + digits + extension;
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file < 0 && errno == EEXIST) {
      continue;
    }
    if (file < 0) {
      return fail(ErrorKind::io, path + ": " + std::strerror(errno));
    }
    const bool is_written = base::write_all(file, bytes);
    const int why = errno;
    if (close(file) == 0 && is_written) {
      return path;
    }
    (void)unlink(path.c_str());
    return fail(ErrorKind::io, path + ": " + std::strerror(is_written ? errno : why));
  }
  return fail(ErrorKind::limit, prefix + ".NNN" + extension + ": all numbers are taken");
}

std::string extension_of(const std::string& kind, std::string_view bytes) {
  if (is_execution_trace(bytes)) {
    return ".out";
  }
  const bool is_text = !bytes.starts_with("\x1f\x8b");
  return kind == "trace" ? ".out" : is_text ? ".txt" : ".pb.gz";
}

/// A kind as part of a file's name; a custom page may be called anything.
std::string as_file_name(std::string kind) {
  std::replace(kind.begin(), kind.end(), '/', '_');
  return kind.empty() || kind[0] == '.' ? "profile" : kind;
}

struct SaveOptions {
  TransportFlags transport;
  pprof::FetchRequest request;
  std::string output;
  bool all = false;
  bool wants_help = false;
};

Result<void> read_number(const std::string& text, int& to) {
  const auto number = base::parse_number(text);
  const auto value = number ? number->to_int64() : std::nullopt;
  if (!value || *value < 1 || *value > seconds_max) {
    return fail(ErrorKind::invalid,
                "invalid value \"" + text + "\"; seconds from 1 to 604800 are taken");
  }
  to = static_cast<int>(*value);
  return {};
}

std::vector<pprof::ExtraFlag> save_flags(SaveOptions& options) {
  std::vector<pprof::ExtraFlag> flags = transport_flags(options.transport);
  const auto text = [&](const char* name, std::string& to) {
    flags.push_back({name, false, "", [&to](const std::string& value) -> Result<void> {
                       to = value;
                       return {};
                     }});
  };
  const auto number = [&](const char* name, int& to) {
    flags.push_back(
        {name, false, "", [&to](const std::string& value) { return read_number(value, to); }});
  };
  const auto on = [&](const char* name, bool& to) {
    flags.push_back({name, true, "", [&to](const std::string& value) -> Result<void> {
                       to = value != "false" && value != "0";
                       return {};
                     }});
  };
  text("o", options.output);
  text("output", options.output);
  text("tls_cert", options.request.tls.certificate);
  text("tls_key", options.request.tls.key);
  text("tls_ca", options.request.tls.authority);
  number("seconds", options.request.seconds);
  number("timeout", options.request.timeout_s);
  on("all", options.all);
  on("h", options.wants_help);
  on("help", options.wants_help);
  return flags;
}

class Saver {
 public:
  Saver(SaveOptions options, const pprof::Seams& seams, const FetchOptions& fetch_options,
        std::ostream& out, std::ostream& err)
      : options_(std::move(options)),
        seams_(seams),
        fetch_options_(fetch_options),
        out_(out),
        err_(err) {}

  Result<int> run() { return options_.all ? save_all() : save_one(); }

 private:
  Result<int> save_one() {
    auto source = parse_source(options_.request, options_.transport);
    if (!source) {
      return fail(source.error().kind,
                  pprof::shown_source(options_.request.url) + ": " + source.error().message);
    }
    const std::string kind = as_file_name(source->kind);
    const std::string shown = source->shown;
    err_ << "Fetching profile over HTTP from " << shown << "\n";
    std::vector<Source> sources;
    sources.push_back(std::move(*source));
    auto bodies = fetch_sources(std::move(sources), fetch_options_, err_);
    if (!bodies[0]) {
      return fail(bodies[0].error().kind, shown + ": " + bodies[0].error().message);
    }
    const std::string& bytes = *bodies[0];
    if (options_.output == "-") {
      out_ << bytes << std::flush;
      return 0;
    }
    std::string path = options_.output;
    if (path.empty()) {
      const auto written = write_numbered(pprof::folder_for_profiles(seams_) + "/pprof." + kind,
                                          extension_of(kind, bytes), bytes);
      if (!written) {
        return tl::unexpected(written.error());
      }
      path = *written;
    } else if (auto written = base::write_file(path, bytes); !written) {
      return tl::unexpected(written.error());
    }
    tell(path, bytes);
    return 0;
  }

  Result<int> save_all() {
    if (!options_.transport.kind.empty()) {
      return fail(ErrorKind::invalid, "-all and -kind exclude one another");
    }
    std::vector<Source> sources;
    std::vector<std::string> kinds;
    for (const std::string_view kind : profile_kinds()) {
      TransportFlags transport = options_.transport;
      transport.kind = kind;
      transport.gc = options_.transport.gc && kind == "heap";
      pprof::FetchRequest request = options_.request;
      // Of the others, seconds would make differences.
      if (kind != "profile" && kind != "trace") {
        request.seconds = -1;
      }
      auto source = parse_source(request, transport);
      if (!source) {
        return tl::unexpected(source.error());
      }
      err_ << "Fetching profile over HTTP from " << source->shown << "\n";
      kinds.emplace_back(kind);
      sources.push_back(std::move(*source));
    }
    const auto folder = make_folder();
    if (!folder) {
      return tl::unexpected(folder.error());
    }
    auto bodies = fetch_sources(std::move(sources), fetch_options_, err_);
    int code = 0;
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      auto written = bodies[i] ? Result<void>() : tl::unexpected(bodies[i].error());
      std::string path;
      if (bodies[i]) {
        path = *folder + "/" + kinds[i] + extension_of(kinds[i], *bodies[i]);
        written = base::write_file(path, *bodies[i]);
      }
      if (written) {
        tell(path, *bodies[i]);
      } else {
        err_ << kinds[i] << ": " << written.error().message << "\n";
        code = exit_failure;
      }
    }
    return code;
  }

  /// The folder that is asked for, or a new one named after the moment.
  [[nodiscard]] Result<std::string> make_folder() const {
    std::string folder = options_.output;
    while (folder.size() > 1 && folder.back() == '/') {
      folder.pop_back();
    }
    if (folder.empty()) {
      const std::time_t now = std::time(nullptr);
      std::tm parts{};
      localtime_r(&now, &parts);
      std::array<char, 40> text{};
      (void)std::strftime(text.data(), text.size(), "profiles-%Y%m%d-%H%M%S", &parts);
      folder = text.data();
    }
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error || !std::filesystem::is_directory(folder, error)) {
      return fail(ErrorKind::io,
                  folder + ": " + (error ? error.message() : std::string("not a folder")));
    }
    return folder;
  }

  void tell(const std::string& path, std::string_view bytes) {
    err_ << saved_sentence(path, bytes) << "\n";
  }

  SaveOptions options_;
  const pprof::Seams& seams_;
  FetchOptions fetch_options_;
  std::ostream& out_;
  std::ostream& err_;
};

}  // namespace

Result<std::vector<std::string>> read_flags(std::span<const std::string> args,
                                            std::span<const pprof::ExtraFlag> flags) {
  std::vector<std::string> rest;
  for (std::size_t at = 0; at < args.size(); ++at) {
    const std::string& arg = args[at];
    if (arg == "--") {
      rest.insert(rest.end(), args.begin() + static_cast<std::ptrdiff_t>(at) + 1, args.end());
      break;
    }
    if (arg.size() < 2 || arg[0] != '-') {
      rest.push_back(arg);
      continue;
    }
    std::string name = arg.substr(arg[1] == '-' ? 2 : 1);
    const std::size_t equals = name.find('=');
    std::string value = equals == std::string::npos ? "" : name.substr(equals + 1);
    name.resize(std::min(equals, name.size()));
    const auto flag =
        std::find_if(flags.begin(), flags.end(), [&](const auto& it) { return it.name == name; });
    if (flag == flags.end()) {
      std::vector<std::string_view> known;
      for (const auto& it : flags) {
        known.emplace_back(it.name);
      }
      return fail(ErrorKind::invalid,
                  "flag provided but not defined: -" + name + base::did_you_mean(name, known));
    }
    if (equals == std::string::npos && flag->is_switch) {
      value = "true";
    }
    if (equals == std::string::npos && !flag->is_switch) {
      if (++at == args.size()) {
        return fail(ErrorKind::invalid, "flag needs an argument: -" + name);
      }
      value = args[at];
    }
    if (auto set = flag->set(value); !set) {
      return fail(ErrorKind::invalid, set.error().message + " for -" + name);
    }
  }
  return rest;
}

Result<std::string> save_trace(std::string_view bytes, const pprof::Seams& seams) {
  return write_numbered(pprof::folder_for_profiles(seams) + "/pprof.trace", ".out", bytes);
}

std::string saved_sentence(const std::string& path, std::string_view bytes) {
  if (!is_execution_trace(bytes)) {
    return "Saved profile in " + path;
  }
  return "Saved trace in " + path + ": an execution trace, not a profile; `go tool trace` shows it";
}

Result<std::string> save_fetched(const std::string& url, const TransportFlags& flags,
                                 std::string_view bytes, const pprof::Seams& seams) {
  const auto source = parse_source({.url = url}, flags);
  if (!source) {
    return tl::unexpected(source.error());
  }
  const std::string kind = as_file_name(source->kind);
  return write_numbered(pprof::folder_for_profiles(seams) + "/pprof." + kind,
                        extension_of(kind, bytes), bytes);
}

Result<int> run_save(std::span<const std::string> args, const pprof::Seams& seams,
                     const FetchOptions& fetch_options, std::ostream& out, std::ostream& err) {
  SaveOptions options;
  const auto flags = save_flags(options);
  const auto sources = read_flags(args, flags);
  if (!sources) {
    return tl::unexpected(sources.error());
  }
  if (options.wants_help) {
    err << save_usage;
    return 0;
  }
  const bool names_folder = options.all && options.output.empty() && sources->size() == 2;
  if (names_folder) {
    options.output = (*sources)[1];
  }
  if (sources->size() != 1 && !names_folder) {
    return fail(ErrorKind::invalid,
                sources->empty() ? "save needs the URL of a profile, such as localhost:5000"
                                 : "save takes one URL; " + (*sources)[1] + " is a second one");
  }
  options.request.url = (*sources)[0];
  if (!is_url(options.request.url)) {
    options.request.url.insert(0, "http://");
  }
  options.request.bytes_max = pprof::ParseLimits{}.bytes_max;
  return Saver(std::move(options), seams, fetch_options, out, err).run();
}

}  // namespace heapwatch::agent
