#include "agent/pprof/command.h"

#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <ctime>
#include <iostream>
#include <optional>
#include <utility>
#include <vector>

#include "agent/pprof/debuginfod.h"
#include "agent/pprof/fetch.h"
#include "agent/pprof/local_symbols.h"
#include "agent/pprof/pictures.h"
#include "agent/pprof/save.h"
#include "agent/pprof/serve.h"
#include "agent/process/terminal.h"
#include "base/printable.h"
#include "pprof/shell/line_editor.h"
#include "pprof/shell/shell.h"

namespace heapwatch::agent {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr const char* commands_usage =
    "usage: heapwatch pprof [flags] [binary] source...    reports, a shell, or pages (-http)\n"
    "       heapwatch pprof save [flags] URL              keeps what a program serves as a file\n"
    "       heapwatch pprof grow [flags] source...        what grows from profile to profile\n"
    "\n"
    "A source is a file, http(s)://host:port[/path], host:port or unix:///a.sock[/path]; several\n"
    "are added up. Without a path, -kind says which profile is meant:\n"
    "\n"
    "  heapwatch pprof -top -kind heap localhost:5000\n"
    "\n";

volatile std::sig_atomic_t is_interrupted = 0;

/// While it lives, the first Ctrl-C ends a series of fetches, which is then told as far as it got.
/// The second ends the program.
class SeriesEnd {
 public:
  SeriesEnd() {
    is_interrupted = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { is_interrupted = 1; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &action, &before_);
  }
  SeriesEnd(const SeriesEnd&) = delete;
  SeriesEnd& operator=(const SeriesEnd&) = delete;
  ~SeriesEnd() { sigaction(SIGINT, &before_, nullptr); }

  /// Waits. False when the series is to end.
  static bool pause(std::chrono::milliseconds time) {
    sigset_t interrupt;
    sigset_t before;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    pthread_sigmask(SIG_BLOCK, &interrupt, &before);
    const auto end = std::chrono::steady_clock::now() + time;
    while (is_interrupted == 0) {
      const auto left = end - std::chrono::steady_clock::now();
      if (left <= std::chrono::nanoseconds(0)) {
        break;
      }
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
      const timespec wait{static_cast<std::time_t>(seconds.count()),
                          static_cast<long>((left - seconds).count())};
      // Takes the signal only while it waits, so that none comes between the look and the wait.
      (void)ppoll(nullptr, 0, &wait, &before);
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return is_interrupted == 0;
  }

 private:
  struct sigaction before_ {};
};

/// Everything that `heapwatch pprof` does beside the reports of the library.
class Command {
 public:
  Command(std::ostream& out, std::ostream& err) : out_(out), err_(err), seams_(system_seams()) {
    seams_.fetch = [this](std::span<const pprof::FetchRequest> asked) { return fetch(asked); };
    seams_.other = [this](const pprof::CommandLine& line, pprof::Session session) {
      return line.format ? make_picture(line, std::move(session), seams_, err_)
                         : converse(line, session);
    };
    seams_.symbols.post = [this](const std::string& url, const std::string& body) {
      return ask_symbols(url, body);
    };
    DebugFiles files = debug_files(seams_.environment("HEAPWATCH_DEBUG_PATH"));
    DebuginfodOptions servers = debuginfod_options(seams_.environment);
    servers.warn = [this](const std::string& text) { err_ << base::printable(text) << "\n"; };
    files.find = find_by_debuginfod(std::move(servers));
    use_local_symbols(seams_.symbols, files);
    seams_.collects = [this](const std::string& url) {
      const auto source = parse_source({.url = url}, transport_);
      return source && source->collects;
    };
    flags_ = transport_flags(transport_);
    seams_.extra_flags = flags_;
    fetch_options_.is_terminal = isatty(STDERR_FILENO) == 1;
  }
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;
  ~Command() = default;

  int run(std::span<const std::string> args) {
    if (args.empty()) {
      err_ << commands_usage << "heapwatch pprof -help lists the flags.\n";
      return pprof::exit_failure;
    }
    if (args[0] == "save") {
      const auto code = run_save(args.subspan(1), seams_, fetch_options_, out_, err_);
      return code ? *code : told(code.error());
    }
    if (args[0] == "grow") {
      const SeriesEnd series_end;
      seams_.pause = &SeriesEnd::pause;
      keeps_fetched_ = true;
      return pprof::run_grow(args.subspan(1), out_, err_, seams_);
    }
    if (const auto code = save_traces(args)) {
      return *code;
    }
    if (args[0] == "-h" || args[0] == "-help" || args[0] == "--help") {
      err_ << commands_usage;
    }
    return pprof::run_pprof(args, out_, err_, seams_);
  }

 private:
  int told(const base::Error& error) {
    err_ << "pprof: " << error.message << "\n";
    return pprof::exit_failure;
  }

  /// Sources that are all traces, of which nobody wants a report, are kept and that is all.
  std::optional<int> save_traces(std::span<const std::string> args) {
    TransportFlags transport;
    const auto flags = transport_flags(transport);
    const auto line = pprof::parse_command_line(
        args, [](const std::string&) {}, flags);
    if (!line || line->format || line->http || line->sources.empty()) {
      return std::nullopt;
    }
    std::vector<pprof::FetchRequest> asked;
    for (const std::string& url : line->sources) {
      asked.push_back({url, line->seconds, line->timeout_s, line->tls, line->limits.bytes_max});
      const auto source = parse_source(asked.back(), transport);
      if (!source || source->kind != "trace") {
        return std::nullopt;
      }
    }
    int code = 0;
    const auto bodies = fetch_profiles(asked, transport, fetch_options_, err_);
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      const auto path = bodies[i] ? save_fetched(asked[i].url, transport, *bodies[i], seams_)
                                  : tl::unexpected(bodies[i].error());
      if (path) {
        err_ << saved_sentence(*path, *bodies[i]) << "\n";
      } else {
        err_ << pprof::shown_source(asked[i].url) << ": " << path.error().message << "\n";
        code = pprof::exit_failure;
      }
    }
    return code;
  }

  std::vector<Result<std::string>> fetch(std::span<const pprof::FetchRequest> asked) {
    auto bodies = fetch_profiles(asked, transport_, fetch_options_, err_);
    if (!asked.empty()) {
      last_asked_ = asked.back();
    }
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      Result<std::string>& body = bodies[i];
      if (!body) {
        continue;
      }
      if (!is_execution_trace(*body)) {
        if (keeps_fetched_) {
          keep(asked[i].url, *body);
        }
        continue;
      }
      const auto path = save_trace(*body, seams_);
      const std::string what = "an execution trace, not a profile; ";
      body = fail(ErrorKind::invalid,
                  path ? what + "saved in " + *path + " for `go tool trace`"
                       : what + "and it could not be saved: " + path.error().message);
    }
    return bodies;
  }

  /// Asks a program for names, as the profile was asked for.
  Result<std::string> ask_symbols(const std::string& url, const std::string& body) {
    TransportFlags transport = transport_;
    transport.kind.clear();
    transport.kind_query.clear();
    transport.gc = false;
    pprof::FetchRequest asked = last_asked_;
    asked.url = url;
    asked.seconds = -1;
    auto source = parse_source(asked, transport);
    if (!source) {
      return tl::unexpected(source.error());
    }
    source->request.method = "POST";
    source->request.body = body;
    std::vector<Source> sources;
    sources.push_back(std::move(*source));
    return std::move(fetch_sources(std::move(sources), fetch_options_, err_).at(0));
  }

  /// Snapshots of a series are kept as they came, so that the series can be looked at again.
  void keep(const std::string& url, const std::string& bytes) {
    const auto path = save_fetched(url, transport_, bytes, seams_);
    if (path) {
      err_ << "Saved profile in " << *path << "\n";
    } else {
      err_ << "Could not save profile: " << path.error().message << "\n";
    }
  }

  Result<std::string> converse(const pprof::CommandLine& line, const pprof::Session& session) {
    if (line.http) {
      if (auto served = serve_profile(line, session, seams_, err_); !served) {
        return tl::unexpected(served.error());
      }
      return std::string();
    }
    pprof::shell::Shell shell(line, session,
                              {out_, err_, seams_, process::takes_colors(STDERR_FILENO)});
    if (isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1) {
      auto editor = pprof::shell::LineEditor::create(
          [&](std::string_view input) { return shell.completions(input); });
      if (!editor) {
        return tl::unexpected(editor.error());
      }
      pprof::shell::converse(shell, [&](const std::string& prompt) {
        out_ << std::flush;
        return (*editor)->read(prompt);
      });
    } else {
      pprof::shell::converse(shell, [&](const std::string& prompt) { return ask(prompt); });
    }
    return std::string();
  }

  std::optional<std::string> ask(const std::string& prompt) {
    out_ << prompt << std::flush;
    std::string input;
    if (!std::getline(std::cin, input)) {
      return std::nullopt;
    }
    return input;
  }

  std::ostream& out_;
  std::ostream& err_;
  pprof::Seams seams_;
  TransportFlags transport_;
  std::vector<pprof::ExtraFlag> flags_;
  FetchOptions fetch_options_;
  pprof::FetchRequest last_asked_;  // whose certificates and timeout go for questions about it, too
  bool keeps_fetched_ = false;
};

}  // namespace

int run_pprof_command(std::span<const std::string> args) {
  const int code = Command(std::cout, std::cerr).run(args);
  std::cout << std::flush;
  if (!std::cout) {
    std::cerr << "pprof: the report could not be written to the standard output\n";
    return pprof::exit_failure;
  }
  return code;
}

std::string pprof_help() {
  TransportFlags transport;
  const auto flags = transport_flags(transport);
  return commands_usage + pprof::usage(flags);
}

}  // namespace heapwatch::agent
