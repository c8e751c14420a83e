#include "agent/pprof/command.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <vector>

#include "agent/pprof/fetch.h"
#include "agent/pprof/save.h"
#include "agent/pprof/serve.h"
#include "agent/pprof/viewer.h"
#include "agent/terminal.h"
#include "pprof/flame/page.h"
#include "pprof/picture/picture.h"
#include "pprof/shell/line_editor.h"
#include "pprof/shell/shell.h"

namespace heapwatch::agent {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;
using pprof::Format;

constexpr int exit_failure = 2;

constexpr const char* commands_usage =
    "usage: heapwatch pprof [flags] [binary] source...    reports, a shell, or pages (-http)\n"
    "       heapwatch pprof save [flags] URL              keeps what a program serves as a file\n"
    "\n"
    "A source is a file, http(s)://host:port[/path], host:port or unix:///a.sock[/path]; several\n"
    "are added up. Without a path, -kind says which profile is meant:\n"
    "\n"
    "  heapwatch pprof -top -kind heap localhost:5000\n"
    "\n";

/// Everything that `heapwatch pprof` does beside the reports of the library.
class Command {
 public:
  explicit Command(std::ostream& out, std::ostream& err) : out_(out), err_(err) {
    seams_.fetch = [this](std::span<const pprof::FetchRequest> asked) { return fetch(asked); };
    seams_.other = [this](const pprof::CommandLine& line, const pprof::Session& session) {
      return other(line, session);
    };
    seams_.environment = [](const char* name) -> std::optional<std::string> {
      const char* const value = std::getenv(name);
      return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    };
    std::error_code error;
    seams_.working_folder = std::filesystem::current_path(error).string();
    seams_.output_is_terminal = isatty(STDOUT_FILENO) == 1;
    flags_ = transport_flags(transport_);
    seams_.extra_flags = flags_;
    fetch_options_.is_terminal = isatty(STDERR_FILENO) == 1;
  }
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  int run(std::span<const std::string> args) {
    if (args.empty()) {
      err_ << commands_usage << "heapwatch pprof -help lists the flags.\n";
      return exit_failure;
    }
    if (args[0] == "save") {
      const auto code = run_save(args.subspan(1), seams_, fetch_options_, out_, err_);
      return code ? *code : told(code.error());
    }
    if (args[0] == "-h" || args[0] == "-help" || args[0] == "--help") err_ << commands_usage;
    return pprof::run_pprof(args, out_, err_, seams_);
  }

 private:
  int told(const base::Error& error) {
    err_ << "pprof: " << error.message << "\n";
    return exit_failure;
  }

  std::vector<Result<std::string>> fetch(std::span<const pprof::FetchRequest> asked) {
    auto bodies = fetch_profiles(asked, transport_, fetch_options_, err_);
    for (Result<std::string>& body : bodies) {
      if (!body || !is_execution_trace(*body)) continue;
      const auto path = save_trace(*body, seams_);
      const std::string what = "an execution trace, not a profile; ";
      body = fail(ErrorKind::invalid,
                  path ? what + "saved in " + *path + " for `go tool trace`"
                       : what + "and it could not be saved: " + path.error().message);
    }
    return bodies;
  }

  /// The reports that are more than text, and the conversations.
  Result<std::string> other(const pprof::CommandLine& line, const pprof::Session& session) {
    if (!line.format) return converse(line, session);
    switch (*line.format) {
      case Format::flame:
        return flame(line, session);
      case Format::svg:
      case Format::png:
      case Format::pdf:
      case Format::ps:
      case Format::gif:
        return draw(line, session, pprof::info_of(*line.format).name);
      case Format::eog:
        return view(draw(line, session, "svg"), ".svg", "eog");
      case Format::evince:
        return view(draw(line, session, "pdf"), ".pdf", "evince");
      case Format::gv:
        return view(draw(line, session, "ps"), ".ps", "gv");
      case Format::kcachegrind:
        return view(report(line, session, pprof::ReportKind::callgrind), ".grind", "kcachegrind");
      case Format::web:
        return web(line, session);
      default:
        return fail(ErrorKind::invalid,
                    "-" + std::string(pprof::info_of(*line.format).name) +
                        " needs the instructions of the program, which are not read here; "
                        "-list shows source lines");
    }
  }

  Result<std::string> report(const pprof::CommandLine& line, const pprof::Session& session,
                             pprof::ReportKind kind) {
    return session.report({kind, line.pattern, line.options}, pprof::report_seams(err_, seams_));
  }

  Result<std::string> draw(const pprof::CommandLine& line, const pprof::Session& session,
                           std::string_view format) {
    const auto dot = report(line, session, pprof::ReportKind::dot);
    return dot ? pprof::picture::draw(*dot, format) : dot;
  }

  Result<std::string> flame(const pprof::CommandLine& line, const pprof::Session& session) {
    const auto source = pprof::flame::prepare(
        session, line.options, [this](const std::string& text) { err_ << text << "\n"; });
    if (!source) return tl::unexpected(source.error());
    return pprof::flame::make_page(*source);
  }

  static Result<std::string> view(const Result<std::string>& bytes, const std::string& extension,
                                  const std::string& program) {
    if (!bytes) return bytes;
    const auto path = write_temporary(*bytes, extension);
    if (!path) return path;
    const auto started =
        program.empty() ? open_in_browser("file://" + *path) : start_viewer(program, *path);
    if (!started) return tl::unexpected(started.error());
    return std::string();
  }

  /// The picture of the graph in a browser, or the flame graph where no picture can be drawn.
  Result<std::string> web(const pprof::CommandLine& line, const pprof::Session& session) {
    const auto picture = draw(line, session, "svg");
    if (picture || picture.error().kind != ErrorKind::not_found) return view(picture, ".svg", "");
    err_ << picture.error().message << "; this is the flame graph\n";
    return view(flame(line, session), ".html", "");
  }

  Result<std::string> converse(const pprof::CommandLine& line, const pprof::Session& session) {
    if (line.http) {
      if (auto served = serve_profile(line, session, seams_, err_); !served) {
        return tl::unexpected(served.error());
      }
      return std::string();
    }
    pprof::shell::Shell shell(line, session, {out_, err_, seams_, takes_colors(STDERR_FILENO)});
    if (isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1) {
      auto editor = pprof::shell::LineEditor::create(
          [&](std::string_view input) { return shell.completions(input); });
      if (!editor) return tl::unexpected(editor.error());
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
    if (!std::getline(std::cin, input)) return std::nullopt;
    return input;
  }

  std::ostream& out_;
  std::ostream& err_;
  pprof::Seams seams_;
  TransportFlags transport_;
  std::vector<pprof::ExtraFlag> flags_;
  FetchOptions fetch_options_;
};

}  // namespace

int run_pprof_command(std::span<const std::string> args) {
  const int code = Command(std::cout, std::cerr).run(args);
  std::cout << std::flush;
  if (!std::cout) {
    std::cerr << "pprof: the report could not be written to the standard output\n";
    return exit_failure;
  }
  return code;
}

}  // namespace heapwatch::agent
