// What `heapwatch exec` makes of the processes it watches: pages while they run, and what is said
// and written at the end.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/commands/commands.h"
#include "agent/pages/native_pages.h"
#include "agent/web/outside.h"
#include "base/error.h"
#include "memory/native/watched_processes.h"
#include "net/http.h"
#include "net/routes.h"
#include "pprof/profile.h"

namespace heapwatch::agent::commands {

/// The profile into the file of --report, and its flame graph into that of --flame, where they are
/// asked for. False when one cannot be written, which is said. `go`: the profile of Go's own heap,
/// to be in it, too; null: none.
bool write_results(const ExecOptions& options, const memory::native::NativeHeap& heap,
                   const pprof::Profile* go = nullptr);

/// Threads: one; the pages are served by others.
class Watch {
 public:
  Watch(const ExecOptions& options, memory::native::WatchedProcesses& processes,
        std::string_view why_not)
      : options_(options), processes_(processes), why_not_(why_not) {}

  base::Result<void> listen();
  void set_program(pid_t pid) {
    program_ = pid;
    processes_.set_root(pid);
  }
  void stop_serving() {
    heap_pages_.stop();
    server_.reset();
    history_.reset();
  }
  /// The places of the program are ranked by what they grew by since that moment.
  void rank_since(memory::native::NativeHeap moment) { since_ = std::move(moment); }
  /// Is told and written, too.
  void add_go_heap(pprof::Profile profile) { go_heap_ = std::move(profile); }
  /// The profile of all processes into the file, and the summary of each to the terminal.
  bool report(const std::string& how);

 private:
  /// Says what the children held, and adds it to the profile.
  void report_children(const memory::native::WatchedProcesses::ProcessPtr& program,
                       memory::native::NativeHeap& all) const;
  /// The live page of all processes; nothing where there is no room for its file, which is said.
  [[nodiscard]] std::vector<net::Route> live_page();
  [[nodiscard]] net::ServerReply vars_page(const net::ServerRequest& request) const;
  [[nodiscard]] base::Result<memory::native::WatchedProcesses::ProcessPtr> chosen(
      const net::ServerRequest& request) const;
  /// With Go's own heap, where the program serves it.
  [[nodiscard]] std::string encoded(const net::ServerRequest& request,
                                    const memory::native::NativeHeap& heap,
                                    const memory::native::NativeProfileOptions& options) const;
  [[nodiscard]] std::string vars(const memory::native::WatchedProcess& process) const;
  [[nodiscard]] memory::native::Plumbing plumbing() const {
    return options_.interpreter_frames ? memory::native::Plumbing::shown
                                       : memory::native::Plumbing::hidden;
  }

  const ExecOptions& options_;
  memory::native::WatchedProcesses& processes_;
  std::string_view why_not_;  // the program is not watched; empty: it should be
  std::atomic<pid_t> program_{0};
  pages::HeapPages heap_pages_{
      [this](const net::ServerRequest& request) -> base::Result<memory::native::NativeHeap> {
        const auto process = chosen(request);
        return process ? base::Result<memory::native::NativeHeap>((*process)->heap(plumbing()))
                       : tl::unexpected(process.error());
      },
      [this](const net::ServerRequest& request, const memory::native::NativeHeap& heap,
             const memory::native::NativeProfileOptions& options) {
        return encoded(request, heap, options);
      }};
  std::optional<net::HttpRequest> go_page_;  // set before anything is served
  std::optional<memory::native::NativeHeap> since_;
  std::optional<pprof::Profile> go_heap_;
  std::unique_ptr<web::OutsideHistory> history_;  // null: there is no page
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace heapwatch::agent::commands
