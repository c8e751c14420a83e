// `heapwatch web`: the live page of a process that is looked at from outside, or of a file.
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <system_error>
#include <utility>

#include "agent/commands/commands.h"
#include "agent/commands/failure.h"
#include "agent/commands/memory_targets.h"
#include "agent/process/held_signals.h"
#include "agent/web/outside.h"
#include "net/http_server.h"
#include "net/routes.h"

namespace heapwatch::agent::commands {

namespace {

base::Result<std::unique_ptr<net::HttpServer>> serve_routes(const std::string& listen,
                                                            std::vector<net::Route> routes) {
  net::Routes pages(std::move(routes));
  const net::ServerOptions options = pages.options(listen);
  return net::HttpServer::start(options,
                                [pages = std::move(pages)](const net::ServerRequest& request) {
                                  return pages.answer(request);
                                });
}

/// Says where the page is, and waits until a signal ends us.
int serve_until_told(const WebOptions& options, std::vector<net::Route> routes,
                     const std::string& query) {
  const auto server = serve_routes(options.listen, std::move(routes));
  if (!server) {
    return fail_with(server.error().message);
  }
  if ((*server)->port() != 0) {
    const std::string host = options.listen.substr(0, options.listen.rfind(':'));
    std::cerr << "heapwatch: the page is at http://" << (host.empty() ? "localhost" : host) << ':'
              << (*server)->port() << '/' << query << "; Ctrl-C ends it\n";
  }
  const sigset_t signals = process::handled_signals();
  int number = 0;
  (void)sigwait(&signals, &number);
  return 0;
}

int serve_processes(const WebOptions& options, const std::vector<int>& pids) {
  auto history = web::OutsideHistory::start(
      {.every = std::chrono::milliseconds(static_cast<std::int64_t>(options.every_s * 1000)),
       .processes = nullptr,
       .version = HEAPWATCH_VERSION});
  if (!history) {
    return fail_with(history.error().message);
  }
  for (const int pid : pids) {
    if (const auto watched = (*history)->watch(pid); !watched) {
      return fail_with(watched.error().message);
    }
  }
  return serve_until_told(options, (*history)->routes(),
                          pids.size() == 1 ? "?pid=" + std::to_string(pids[0]) : "");
}

}  // namespace

int serve_web(const WebOptions& options) {
  std::error_code unreadable;
  const bool is_number = options.targets.size() == 1 &&
                         options.targets[0].find_first_not_of("0123456789") == std::string::npos;
  if (options.targets.size() == 1 && !is_number &&
      std::filesystem::is_regular_file(options.targets[0], unreadable)) {
    const auto history = web::FileHistory::open(options.targets[0], HEAPWATCH_VERSION);
    return history ? serve_until_told(options, (*history)->routes(), "")
                   : fail_with(history.error().message);
  }
  MemoryOptions named;
  named.targets = options.targets;
  const auto found = memory_targets(named);
  if (!found) {
    return fail_with(found.error().message);
  }
  return serve_processes(options, found->pids);
}

}  // namespace heapwatch::agent::commands
