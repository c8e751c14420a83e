#include "agent/pprof/serve.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <ostream>
#include <system_error>
#include <utility>
#include <vector>

#include "agent/access/private_server.h"
#include "agent/pprof/viewer.h"
#include "net/http_server.h"
#include "net/own_page.h"
#include "pprof/picture/painter.h"
#include "pprof/web/site.h"

namespace heapwatch::agent {

namespace {

/// What one picture on a page may take; a graph of more is nothing to look at.
constexpr pprof::picture::DrawOptions page_pictures{
    .nodes_max = 2000,
    .memory_bytes_max = std::size_t{1} << 30U,
    .picture_bytes_max = std::size_t{64} << 20U,
    .time_max = std::chrono::seconds(20),
    .is_zoomable = false,
};

/// Where to listen. Without a host it is this machine alone, and without a port a free one.
std::string place_of(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const bool is_bare_ipv6 = !text.empty() && text.back() == ']';
  std::string host = colon == std::string::npos || is_bare_ipv6 ? text : text.substr(0, colon);
  std::string port = colon == std::string::npos || is_bare_ipv6 ? "" : text.substr(colon + 1);
  if (host.empty()) {
    host = "localhost";
  }
  if (port.empty()) {
    port = "0";
  }
  return host + ":" + port;
}

/// Blocks the signals that end the program, so that they can be waited for; servers' threads are
/// started while this lives.
class EndSignals {
 public:
  EndSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  }
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;
  ~EndSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  void wait() const {
    int number = 0;
    sigwait(&signals_, &number);
  }

 private:
  sigset_t signals_{};
  sigset_t before_{};
};

net::ServerReply reply_of(pprof::web::Reply reply) {
  net::ServerReply out;
  out.status = reply.status;
  out.content_type = std::move(reply.type);
  out.body = std::move(reply.body);
  out.headers = std::move(reply.headers);
  return out;
}

using ReadSource = decltype(pprof::ReportSeams::read_source);

/// Reads nothing but what is below these folders, whatever the profile calls its files: who may
/// look at the pages may not read all that the user may.
ReadSource only_below(const std::string& folders, ReadSource read) {
  std::vector<std::filesystem::path> roots;
  std::error_code error;
  for (std::size_t at = 0; at < folders.size();) {
    const std::size_t end = std::min(folders.find(':', at), folders.size());
    auto root = std::filesystem::canonical(folders.substr(at, end - at), error);
    if (!error) {
      roots.push_back(std::move(root));
    }
    at = end + 1;
  }
  return [roots = std::move(roots), folders,
          read = std::move(read)](const std::string& path) -> base::Result<std::string> {
    std::error_code failed;
    const auto real = std::filesystem::canonical(path, failed);
    if (failed) {
      return base::fail(base::ErrorKind::not_found, path + ": " + failed.message());
    }
    const bool is_below = std::any_of(roots.begin(), roots.end(), [&](const auto& root) {
      return std::mismatch(root.begin(), root.end(), real.begin(), real.end()).first == root.end();
    });
    if (is_below) {
      return read(real.string());
    }
    return base::fail(base::ErrorKind::refused,
                      path + " is not below " + folders + "; -source_path names what may be shown");
  };
}

}  // namespace

base::Result<void> serve_profile(const pprof::CommandLine& line, const pprof::Session& session,
                                 const pprof::Seams& seams, std::ostream& err) {
  pprof::ReportSeams report_seams = pprof::report_seams(err, seams);
  const std::string& source_path = line.options.source_path;
  report_seams.read_source = only_below(source_path.empty() ? seams.working_folder : source_path,
                                        std::move(report_seams.read_source));
  const auto variable = [&](const char* name) {
    return seams.environment ? seams.environment(name).value_or("") : std::string();
  };
  auto painter = pprof::picture::Painter::start(page_pictures);
  const pprof::web::Site site(session, line.options, std::move(report_seams),
                              pprof::web::Settings(pprof::web::settings_path(
                                  variable("XDG_CONFIG_HOME"), variable("HOME"))),
                              [&](const std::string& dot) -> base::Result<std::string> {
                                if (!painter) {
                                  return tl::unexpected(painter.error());
                                }
                                return painter->draw(dot);
                              });
  const std::string place = place_of(line.http.value_or(""));
  const EndSignals signals;
  net::ServerOptions options;
  options.listen = place;
  options.request_timeout = std::chrono::seconds(30);
  options.body_bytes_max = 1;  // so that POST is served, whose parameters are in its query
  // Drawing takes its time; the other pages do not wait for it.
  options.takes_long = [](const net::ServerRequest& request) {
    return request.path == "/ui/graph";
  };
  const auto answer = [&](const net::ServerRequest& request) {
    const bool is_post = request.method == "POST";
    if (is_post && net::is_of_own_page(request) && !net::is_json(request)) {
      return net::text_reply(415, "the request must have Content-Type: application/json");
    }
    const bool wants_page = request.header("accept").find("text/html") != std::string_view::npos;
    return reply_of(site.answer({.path = request.path,
                                 .query = request.query,
                                 .is_post = is_post,
                                 .is_own = net::is_of_own_page(request),
                                 .wants_page = wants_page}));
  };
  const auto serving = access::start_private_server(options, answer, line.web_config);
  if (!serving) {
    return tl::unexpected(serving.error());
  }
  const std::string url = serving->url(place);
  err << "Serving web UI on " << url << std::endl;
  if (!line.no_browser) {
    if (auto opened = open_in_browser(url); !opened) {
      err << opened.error().message << "\n";
    }
  }
  signals.wait();
  if (painter) {
    painter->stop();  // the server waits for its answers
  }
  return {};
}

}  // namespace heapwatch::agent
