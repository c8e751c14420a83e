#include "check/memory/machine.h"

#include <ctime>

#include "base/file.h"
#include "memory/process/parse.h"
#include "net/page.h"
#include "preload/attach.h"

namespace heapwatch::check::memory {

namespace {

constexpr std::size_t text_bytes_max = std::size_t{1} << 20;

}  // namespace

std::string LiveMachine::text(int pid, const char* file) const {
  return base::read_file(proc_ + "/" + std::to_string(pid) + "/" + file, text_bytes_max)
      .value_or(std::string());
}

std::chrono::nanoseconds LiveMachine::cpu() const {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

Processes LiveMachine::processes(std::chrono::milliseconds age) {
  const std::lock_guard lock(mutex_);
  if (!list_ || now() - listed_ > age) {
    list_ = std::make_shared<const std::vector<Entry>>(
        heapwatch::memory::process::list_processes(proc_));
    listed_ = now();
  }
  return list_;
}

base::Result<std::vector<Entry>> LiveMachine::listeners(unsigned port) const {
  return heapwatch::memory::process::find_listeners(port, proc_);
}

std::optional<Facts> LiveMachine::facts(int pid) const {
  const std::string status = text(pid, "status");
  const auto identity = heapwatch::memory::process::parse_stat(text(pid, "stat"));
  Facts facts{.pid = pid};
  heapwatch::memory::process::read_status(status, facts);
  if (!identity || facts.vm_rss == 0) {
    return std::nullopt;  // what has ended and is not waited for has no memory
  }
  facts.start_ticks = identity->start_ticks;
  facts.cgroup = cgroup_text(pid);
  return facts;
}

std::string LiveMachine::cgroup_text(int pid) const {
  return text(pid, "cgroup");
}

bool LiveMachine::is_under_exec(int pid) const {
  const std::string wanted = std::string(preload::socket_variable) + "=";
  const std::string environment = text(pid, "environ");
  return environment.starts_with(wanted) ||
         environment.find(std::string(1, '\0') + wanted) != std::string::npos;
}

std::optional<Cgroup> LiveMachine::cgroup(const std::string& text, const std::string& root) const {
  return heapwatch::memory::read_cgroup(text, root);
}

base::Result<Survey> LiveMachine::look(int pid, bool types, Moment until) const {
  return heapwatch::memory::survey(pid, {.types = types}, {.proc = proc_, .until = until});
}

void LiveMachine::count(int pid, leak::Look& look) const {
  (void)leak::process::add_counters(pid, look, proc_);
}

std::vector<TakenProfile> LiveMachine::profiles(int pid,
                                                const std::optional<net::HttpRequest>& page) const {
  return take_profiles(pid, page, proc_);
}

PlaceSources LiveMachine::places(int pid, const std::optional<net::HttpRequest>& page,
                                 bool with_goroutines) const {
  return take_places(pid, page, with_goroutines, proc_);
}

base::Result<std::string> LiveMachine::page(const net::HttpRequest& request) const {
  return net::fetch_page(request);
}

}  // namespace heapwatch::check::memory
