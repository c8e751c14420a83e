#include "agent/commands/exec_watch.h"

#include <algorithm>
#include <charconv>
#include <iostream>
#include <iterator>
#include <utility>
#include <vector>

#include "agent/access/private_server.h"
#include "agent/commands/go_part.h"
#include "agent/commands/watching.h"
#include "base/counted.h"
#include "base/file.h"
#include "base/json.h"
#include "base/query.h"
#include "memory/native/leak_summary.h"
#include "pprof/encode.h"
#include "pprof/flame/page.h"
#include "pprof/gunzip.h"

namespace heapwatch::agent::commands {

namespace {

base::Result<std::string> flame_page(pprof::Profile profile) {
  const auto source = pprof::flame::prepare(std::move(profile), {}, [](const std::string&) {});
  if (!source) {
    return tl::unexpected(source.error());
  }
  return pprof::flame::make_page(*source);
}

/// The books of memtrack in a watched process: what they hold, and how well they were kept.
void write_memtrack(base::JsonWriter& json, const memory::native::WatchedProcess& process) {
  json.key("memtrack");
  json.begin_object();
  json.member("accounting", process.is_accounting() ? "on" : "off");
  const memtrack_health health = process.health();
  for (const auto& [key, value] : {std::pair{"double_frees", health.double_frees},
                                   {"older_frees", health.older_frees},
                                   {"older_freed_bytes", health.older_freed_bytes},
                                   {"freed_elsewhere", health.freed_elsewhere},
                                   {"unrecorded", health.unrecorded},
                                   {"samples", health.samples},
                                   {"lost_samples", health.lost_samples}}) {
    json.member(key, value);
  }
  json.object("spaces", [&] {
    for (const memtrack_space space : {memtrack_space_native, memtrack_space_python,
                                       memtrack_space_mmap, memtrack_space_stack}) {
      json.object(memory::native::space_name(space), [&] {
        pages::write_counters(json, process.space_counters(space));
        const auto older = process.older(space);
        json.member("OlderFrees", older.frees);
        json.member("OlderFreedBytes", older.bytes);
        json.member("GrowthBytes", process.growth(space));
      });
    }
  });
  json.member("waiting_threads", process.waiting_threads());
  json.key("components");
  json.begin_object();
  for (const auto& [name, counters] : process.components()) {
    json.key(name);
    json.begin_object();
    pages::write_counters(json, counters);
    json.end_object();
  }
  json.end_object();
  json.end_object();
}

}  // namespace

base::Result<void> Watch::listen() {
  const std::string& listen = options_.listen;
  if (listen.empty()) {
    return {};
  }
  if (!options_.url.empty()) {
    auto page = go_page(options_.url);
    if (!page) {
      return tl::unexpected(page.error());
    }
    go_page_ = *std::move(page);
  }
  std::vector<net::Route> routes{
      {.path = "/debug/vars",
       .help = "The counters of the program and its processes, as expvars",
       .handler = [this](const net::ServerRequest& request) { return vars_page(request); }}};
  std::vector<net::Route> heap = heap_pages_.routes();
  std::move(heap.begin(), heap.end(), std::back_inserter(routes));
  std::vector<net::Route> live = live_page();
  std::move(live.begin(), live.end(), std::back_inserter(routes));
  const net::Routes pages(std::move(routes));
  auto started = access::start_private_server(
      pages.options(listen),
      [pages](const net::ServerRequest& request) { return pages.answer(request); },
      options_.web_config);
  if (!started) {
    return tl::unexpected(started.error());
  }
  if (const std::string url = started->url(listen); !url.empty()) {
    std::cerr << "heapwatch: pages at " << url << "/debug/vars and /debug/pprof/heap\n";
  }
  server_ = std::move(started->server);
  return {};
}

std::vector<net::Route> Watch::live_page() {
  auto history = web::OutsideHistory::start(
      {.processes =
           [this] {
             std::vector<int> pids;
             for (const auto& one : processes_.all()) {
               // Which of them has the Go pages is known once the program is.
               if (one->is_alive() && program_ != 0) {
                 pids.push_back(one->pid());
               }
             }
             return pids;
           },
       .page = [this](int pid) { return pid == program_ ? go_page_ : std::nullopt; },
       .version = HEAPWATCH_VERSION});
  if (!history) {
    std::cerr << "heapwatch: there is no live page: " << history.error().message << '\n';
    return {};
  }
  history_ = *std::move(history);
  return history_->routes();
}

/// The program, or the process that ?pid= names.
base::Result<memory::native::WatchedProcesses::ProcessPtr> Watch::chosen(
    const net::ServerRequest& request) const {
  pid_t pid = program_;
  if (const auto wanted = base::query_value(request.query, "pid")) {
    const auto [end, error] = std::from_chars(wanted->data(), wanted->data() + wanted->size(), pid);
    if (error != std::errc{} || end != wanted->data() + wanted->size()) {
      return base::fail(base::ErrorKind::not_found,
                        "pid must be the number of a process, not \"" + *wanted + "\"");
    }
  }
  auto process = processes_.find(pid);
  if (process) {
    return process;
  }
  if (pid != program_) {
    return base::fail(base::ErrorKind::not_found,
                      "no process " + std::to_string(pid) + "; /debug/vars lists those that are");
  }
  if (!why_not_.empty()) {
    return base::fail(base::ErrorKind::unreachable,
                      "the program is not watched: it " + std::string(why_not_));
  }
  return base::fail(base::ErrorKind::unreachable,
                    "the program has not loaded " + std::string(preload_library_name) +
                        ": it is just starting, or it began another program");
}

std::string Watch::encoded(const net::ServerRequest& request,
                           const memory::native::NativeHeap& heap,
                           const memory::native::NativeProfileOptions& options) const {
  const auto process = chosen(request);
  if (!go_page_ || !process || (*process)->pid() != program_) {
    return memory::native::native_profile_bytes(heap, options);
  }
  pprof::Profile native = memory::native::native_profile(heap, options);
  auto both = fetch_go_heap(*go_page_).and_then(
      [&](const pprof::Profile& go) { return merged_with_go(native, go); });
  if (!both) {
    native.comments.push_back(native.strings.add("Go's heap is left out: " + both.error().message));
    both = std::move(native);
  }
  return pprof::gzip(pprof::encode_proto(*both));
}

std::string Watch::vars(const memory::native::WatchedProcess& process) const {
  std::string text;
  base::JsonWriter json(text);
  json.begin_object();
  json.key("process");
  json.begin_object();
  json.member("pid", process.pid());
  json.member("name", process.name());
  json.end_object();
  json.key("rtloader");
  json.begin_object();
  pages::write_counters(json, process.counters());
  json.end_object();
  write_memtrack(json, process);
  if (const std::string interpreter = process.interpreter(); !interpreter.empty()) {
    const memory::native::WatchedProcess::Arenas arenas = process.arenas();
    json.key("python");
    json.begin_object();
    json.member("version", interpreter);
    json.member("arenas", arenas.count);
    json.member("arena_bytes", arenas.bytes);
    json.end_object();
  }
  json.key("processes");
  json.begin_object();
  for (const auto& other : processes_.all()) {
    json.key(std::to_string(other->pid()));
    json.begin_object();
    json.member("name", other->name());
    json.member("alive", other->is_alive());
    pages::write_counters(json, other->counters());
    json.end_object();
  }
  json.end_object();
  json.end_object();
  return text + "\n";
}

net::ServerReply Watch::vars_page(const net::ServerRequest& request) const {
  const auto process = chosen(request);
  if (!process) {
    return net::text_reply(process.error().kind == base::ErrorKind::not_found ? 404 : 503,
                           process.error().message);
  }
  return {.content_type = "application/json; charset=utf-8", .body = vars(**process)};
}

bool Watch::report(const std::string& how) {
  processes_.stop();
  const auto program = processes_.find(program_);
  if (!program) {
    std::cerr << "heapwatch: " << options_.program[0] << " ended with " << how
              << " and was not watched: it "
              << (why_not_.empty() ? "has not handed in its books, as it does when it has loaded " +
                                         std::string(preload_library_name)
                                   : std::string(why_not_))
              << '\n';
  } else {
    std::cerr << memory::native::leak_summary(
        {.process = *program, .how = how, .since = since_ ? &*since_ : nullptr});
  }
  memory::native::NativeHeap all =
      program ? program->heap(plumbing()) : memory::native::NativeHeap{};
  report_children(program, all);
  if (go_heap_) {
    std::cerr << go_summary(*go_heap_);
  }
  return write_results(options_, all, go_heap_ ? &*go_heap_ : nullptr);
}

void Watch::report_children(const memory::native::WatchedProcesses::ProcessPtr& program,
                            memory::native::NativeHeap& all) const {
  if (options_.children == "none") {
    return;
  }
  std::vector<memory::native::WatchedProcesses::ProcessPtr> children = processes_.all();
  std::erase(children, program);
  std::uint64_t held = 0;
  for (const auto& process : children) {
    held += process->counters().inuse_bytes;
    memory::native::append(all, process->heap(plumbing()),
                           process->name() + "[" + std::to_string(process->pid()) + "]");
  }
  if (const auto count = children.size() + processes_.given_up(); count > 0) {
    std::cerr << "heapwatch: and " << base::counted(count, "child process", "child processes")
              << ", which held " << base::counted(held, "byte")
              << (count == 1 ? " at its end\n" : " at their ends\n");
  }
  if (options_.children != "each") {
    return;
  }
  std::stable_sort(children.begin(), children.end(), [](const auto& a, const auto& b) {
    return a->counters().inuse_bytes > b->counters().inuse_bytes;
  });
  constexpr std::size_t told_max = 5;
  for (std::size_t i = 0; i < children.size() && i < told_max; ++i) {
    std::cerr << memory::native::leak_summary({*children[i], {}, true});
  }
  if (children.size() > told_max) {
    std::cerr << "heapwatch: the other children held less; the profile has them all\n";
  }
}

bool write_results(const ExecOptions& options, const memory::native::NativeHeap& heap,
                   const pprof::Profile* go) {
  const auto profile = [&]() -> base::Result<pprof::Profile> {
    pprof::Profile native = memory::native::native_profile(heap, {});
    return go == nullptr ? std::move(native) : merged_with_go(std::move(native), *go);
  };
  bool all_written = true;
  const auto write = [&](const std::string& file, const base::Result<std::string>& text) {
    const auto written = text ? base::write_file(file, *text) : tl::unexpected(text.error());
    if (!written) {
      std::cerr << "heapwatch: cannot write " << written.error().message << '\n';
      all_written = false;
    }
    return written.has_value();
  };
  if (!options.report.empty() &&
      write(options.report, profile().map([](const pprof::Profile& made) {
        const std::string plain = pprof::encode_proto(made);
        return pprof::gzip(plain);
      }))) {
    std::cerr << "heapwatch: profile in " << options.report << "; read it with heapwatch pprof or "
              << "go tool pprof\n";
  }
  if (!options.flame.empty() && write(options.flame, profile().and_then(flame_page))) {
    std::cerr << "heapwatch: flame graph in " << options.flame << '\n';
  }
  return all_written;
}

}  // namespace heapwatch::agent::commands
