// `heapwatch web`: the live page of a process that is looked at from outside, or of a file.
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "agent/access/private_server.h"
#include "agent/commands/commands.h"
#include "agent/commands/failure.h"
#include "agent/commands/memory_targets.h"
#include "agent/process/held_signals.h"
#include "agent/web/outside.h"
#include "net/routes.h"

namespace heapwatch::agent::commands {

namespace {

base::Result<access::PrivateServer> serve_routes(const WebOptions& web,
                                                 std::vector<net::Route> routes) {
  net::Routes pages(std::move(routes));
  const net::ServerOptions options = pages.options(web.listen);
  return access::start_private_server(
      options,
      [pages = std::move(pages)](const net::ServerRequest& request) {
        return pages.answer(request);
      },
      web.web_config);
}

/// Says where the page is, and waits until a signal ends us.
int serve_until_told(const WebOptions& options, std::vector<net::Route> routes,
                     const std::string& query) {
  const auto serving = serve_routes(options, std::move(routes));
  if (!serving) {
    return fail_with(serving.error().message);
  }
  if (const std::string url = serving->url(options.listen); !url.empty()) {
    std::cerr << "heapwatch: the page is at " << url << '/' << query << "; Ctrl-C ends it\n";
  }
  const sigset_t signals = process::handled_signals();
  int number = 0;
  (void)sigwait(&signals, &number);
  return 0;
}

int serve_processes(const WebOptions& options, const MemoryTargets& targets) {
  const std::vector<int>& pids = targets.pids;
  auto history = web::OutsideHistory::start(
      {.every = std::chrono::milliseconds(static_cast<std::int64_t>(options.every_s * 1000)),
       .processes = nullptr,
       .version = HEAPWATCH_VERSION});
  if (!history) {
    return fail_with(history.error().message);
  }
  for (const int pid : pids) {
    const bool has_page = targets.page && targets.page->pid == pid;
    const auto watched =
        (*history)->watch(pid, has_page ? std::optional(targets.page->request) : std::nullopt);
    if (!watched) {
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
    if (!options.url.empty()) {
      return fail_with("--url is of a process; " + options.targets[0] + " is a file");
    }
    const auto history = web::FileHistory::open(options.targets[0], HEAPWATCH_VERSION);
    return history ? serve_until_told(options, (*history)->routes(), "")
                   : fail_with(history.error().message);
  }
  MemoryOptions named;
  named.targets = options.targets;
  named.url = options.url;
  const auto found = memory_targets(named);
  if (!found) {
    return fail_with(found.error().message);
  }
  return serve_processes(options, *found);
}

}  // namespace heapwatch::agent::commands
