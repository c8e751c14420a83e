#include "agent/pprof/pictures.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <ostream>
#include <utility>

#include "agent/pprof/local_symbols.h"
#include "agent/pprof/viewer.h"
#include "pprof/flame/page.h"
#include "pprof/picture/picture.h"

namespace heapwatch::agent {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;
using pprof::Format;

class Pictures {
 public:
  Pictures(const pprof::Seams& seams, std::ostream& err) : seams_(seams), err_(err) {}

  Result<std::string> make(const pprof::CommandLine& line, pprof::Session session) {
    switch (*line.format) {
      case Format::flame:
        return flame(line, std::move(session));
      case Format::svg:
      case Format::png:
      case Format::pdf:
      case Format::ps:
      case Format::gif:
        return draw(line, std::move(session), pprof::info_of(*line.format).name);
      case Format::eog:
        return view(draw(line, std::move(session), "svg"), ".svg", "eog");
      case Format::evince:
        return view(draw(line, std::move(session), "pdf"), ".pdf", "evince");
      case Format::gv:
        return view(draw(line, std::move(session), "ps"), ".ps", "gv");
      case Format::kcachegrind:
        return view(report(line, std::move(session), pprof::ReportKind::callgrind), ".grind",
                    "kcachegrind");
      case Format::web:
        return web(line, std::move(session));
      case Format::disasm:
        return disassembly(line, std::move(session), false);
      case Format::weblist:
        return weblist(line, std::move(session));
      default:
        return fail(ErrorKind::invalid,
                    "-" + std::string(pprof::info_of(*line.format).name) + " is no picture");
    }
  }

 private:
  Result<std::string> report(const pprof::CommandLine& line, pprof::Session session,
                             pprof::ReportKind kind) {
    return pprof::make_report(std::move(session).take(), {kind, line.pattern, line.options},
                              pprof::report_seams(err_, seams_));
  }

  Result<std::string> draw(const pprof::CommandLine& line, pprof::Session session,
                           std::string_view format) {
    const auto dot = report(line, std::move(session), pprof::ReportKind::dot);
    return dot ? pprof::picture::draw(*dot, format) : dot;
  }

  Result<std::string> flame(const pprof::CommandLine& line, pprof::Session session) {
    const auto source =
        pprof::flame::prepare(std::move(session).take(), line.options,
                              [this](const std::string& text) { err_ << text << "\n"; });
    if (!source) {
      return tl::unexpected(source.error());
    }
    return pprof::flame::make_page(*source);
  }

  static Result<std::string> view(const Result<std::string>& bytes, const std::string& extension,
                                  const std::string& program) {
    if (!bytes) {
      return bytes;
    }
    auto path = write_temporary(*bytes, extension);
    if (!path) {
      return path;
    }
    const auto started =
        program.empty() ? open_in_browser("file://" + *path) : start_viewer(program, *path);
    if (!started) {
      return tl::unexpected(started.error());
    }
    return std::string();
  }

  Result<std::string> disassembly(const pprof::CommandLine& line, pprof::Session session,
                                  bool is_page) {
    return pprof::make_disassembly(
        std::move(session).take(),
        {.pattern = line.pattern, .options = line.options, .is_page = is_page},
        pprof::report_seams(err_, seams_),
        local_code(debug_files(seams_.environment("HEAPWATCH_DEBUG_PATH"))));
  }

  /// A page in a browser, or where the report is to go.
  Result<std::string> weblist(const pprof::CommandLine& line, pprof::Session session) {
    auto page = disassembly(line, std::move(session), true);
    return line.options.output.empty() ? view(page, ".html", "") : page;
  }

  /// The picture of the graph in a browser, or the flame graph where no picture can be drawn.
  Result<std::string> web(const pprof::CommandLine& line, pprof::Session session) {
    const auto picture = draw(line, pprof::Session(session.profile()), "svg");
    if (picture || picture.error().kind != ErrorKind::not_found) {
      return view(picture, ".svg", "");
    }
    err_ << picture.error().message << "; this is the flame graph\n";
    return view(flame(line, std::move(session)), ".html", "");
  }

  const pprof::Seams& seams_;
  std::ostream& err_;
};

}  // namespace

Result<std::string> make_picture(const pprof::CommandLine& line, pprof::Session session,
                                 const pprof::Seams& seams, std::ostream& err) {
  return Pictures(seams, err).make(line, std::move(session));
}

pprof::Seams system_seams() {
  pprof::Seams seams;
  seams.environment = [](const char* name) -> std::optional<std::string> {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  std::error_code error;
  seams.working_folder = std::filesystem::current_path(error).string();
  use_local_symbols(seams.symbols, debug_files(seams.environment("HEAPWATCH_DEBUG_PATH")));
  seams.output_is_terminal = isatty(STDOUT_FILENO) == 1;
  return seams;
}

}  // namespace heapwatch::agent
