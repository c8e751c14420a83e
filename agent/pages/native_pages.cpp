#include "agent/pages/native_pages.h"

#include <charconv>
#include <optional>

#include "base/query.h"
#include "memory/native/names.h"
#include "memory/native/untracked_frees.h"

namespace heapwatch::agent::pages {

namespace {

constexpr std::int64_t seconds_max = 3600;
constexpr std::int64_t debug_max = 2;
/// Requests that wait at once; the server's other threads are left for those that do not.
constexpr int waiting_max = 2;
/// Of the addresses that /debug/pprof/symbol is asked for.
constexpr std::size_t symbol_request_bytes_max = std::size_t{4} << 20;

}  // namespace

std::vector<net::Route> HeapPages::routes() {
  return {
      {.path = "/debug/pprof/heap",
       .help = "Profile of the native memory that is held",
       .handler =
           [this](const net::ServerRequest& request) { return profile(request, Kind::heap); },
       .takes_long = true},
      {.path = "/debug/pprof/allocs",
       .help = "Profile of all that was ever allocated",
       .handler =
           [this](const net::ServerRequest& request) {
             return profile(request, Kind::allocations);
           },
       .takes_long = true},
      {.path = "/debug/pprof/symbol",
       .help = "Names of the functions at addresses, for readers of profiles",
       .handler = [this](const net::ServerRequest& request) { return symbols(request); },
       .takes_long = true,
       .post_bytes_max = symbol_request_bytes_max},
  };
}

net::ServerReply HeapPages::profile(const net::ServerRequest& request, Kind kind) {
  const bool allocations = kind == Kind::allocations;
  const auto seconds = base::query_number(request.query, "seconds", {.most = seconds_max});
  const auto debug = base::query_number(request.query, "debug", {.most = debug_max});
  const auto symbolize = base::query_value(request.query, "symbolize");
  for (const auto* const parameter : {&seconds, &debug}) {
    if (!*parameter) {
      return net::text_reply(400, parameter->error().message);
    }
  }
  if (symbolize && *symbolize != "0" && *symbolize != "1") {
    return net::text_reply(400, "symbolize must be 0 or 1, not \"" + *symbolize + "\"");
  }
  if (*seconds > 0 && *debug > 0) {
    return net::text_reply(400,
                           "seconds and debug cannot go together: a difference has no text form");
  }
  const auto heap = *seconds > 0 ? between(request, *seconds) : source_(request);
  if (!heap) {
    return net::text_reply(heap.error().kind == base::ErrorKind::not_found ? 404 : 503,
                           heap.error().message);
  }
  if (*debug > 0) {
    return net::ServerReply{.body = memory::native::native_profile_text(*heap)};
  }
  const memory::native::NativeProfileOptions options{.allocations = allocations,
                                                     .symbolize = symbolize.value_or("1") == "1"};
  return net::ServerReply{
      .content_type = "application/octet-stream",
      .body = encoder_ && *seconds == 0 ? encoder_(request, *heap, options)
                                        : memory::native::native_profile_bytes(*heap, options),
      .headers = {{"Content-Disposition", std::string("attachment; filename=\"") +
                                              (allocations ? "allocs" : "heap") + "\""}}};
}

net::ServerReply HeapPages::symbols(const net::ServerRequest& request) {
  const std::string& asked = request.method == "POST" ? request.body : request.query;
  std::string text = "num_symbols: 1\n";  // any number but 0 says that there are some
  std::vector<memory::native::NativeHeap::Mapping> mappings;
  memory::native::Names names;
  const char* at = asked.data();
  const char* const end = at + asked.size();
  while (at < end) {
    at += std::string_view(at, static_cast<std::size_t>(end - at)).substr(0, 2) == "0x" ? 2 : 0;
    std::uintptr_t address = 0;
    const char* const after = std::from_chars(at, end, address, 16).ptr;
    if (after != at) {
      if (mappings.empty()) {
        auto heap = source_(request);
        if (!heap) {
          return net::text_reply(503, heap.error().message);
        }
        mappings = std::move(heap->mappings);
      }
      if (const std::string name = memory::native::function_name(address, mappings, names);
          !name.empty()) {
        text += memory::native::hexadecimal(address) + ' ' + name + '\n';
      }
    }
    at = after == at ? at + 1 : after;
  }
  return {.body = std::move(text)};
}

base::Result<memory::native::NativeHeap> HeapPages::between(const net::ServerRequest& request,
                                                            std::int64_t seconds) {
  std::unique_lock lock(mutex_);
  if (waiting_ >= waiting_max) {
    return base::fail(base::ErrorKind::limit, std::to_string(waiting_) +
                                                  " requests with seconds= are waiting already; "
                                                  "try again when one has ended");
  }
  ++waiting_;
  lock.unlock();
  auto heap = source_(request);
  lock.lock();
  if (heap) {
    stopped_.wait_for(lock, std::chrono::seconds(seconds), [this] { return stopping_; });
  }
  --waiting_;
  lock.unlock();
  if (!heap) {
    return heap;
  }
  auto later = source_(request);
  return later ? memory::native::native_heap_between(*heap, *std::move(later)) : later;
}

void HeapPages::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
}

void write_counters(base::JsonWriter& json, const memtrack_counters& counters) {
  json.member("AllocatedBytes", counters.allocated_bytes);
  json.member("Allocations", counters.allocations);
  json.member("FreedBytes", counters.freed_bytes);
  json.member("Frees", counters.frees);
  json.member("InuseBytes", counters.inuse_bytes);
  json.member("UntrackedFrees", counters.untracked_frees);
}

void write_components(base::JsonWriter& json) {
  json.object("components", [&] {
    for (memtrack_component id = 1; id < memtrack_component_count(); ++id) {
      json.object(memtrack_component_name(id),
                  [&] { write_counters(json, memtrack_component_stats(id)); });
    }
  });
}

void write_health(base::JsonWriter& json) {
  const memtrack_health health = memtrack_self();
  json.member("mapped_bytes", health.mapped_bytes);
  json.member("double_frees", health.double_frees);
  json.member("older_frees", health.older_frees);
  json.member("older_freed_bytes", health.older_freed_bytes);
  json.member("freed_elsewhere", health.freed_elsewhere);
  json.member("unrecorded", health.unrecorded);
  json.member("samples", health.samples);
  json.member("lost_samples", health.lost_samples);
}

std::string memtrack_page() {
  std::string text;
  base::JsonWriter json(text, {.indent = 2});
  json.begin_object();
  json.member("accounting", memtrack_enabled() != 0 ? "on" : "off");
  json.member("sample_interval_bytes", std::uint64_t{memtrack_sample_interval()});
  json.object("total", [&] { write_counters(json, memtrack_stats()); });
  write_components(json);
  json.objects("untracked_frees", memory::native::own_untracked_frees(),
               [&](const memory::native::UntrackedFree& free) {
                 json.member("kind", free.kind);
                 json.member("count", free.count);
                 json.member("last_pointer", free.last);
                 json.member("component", free.component);
                 json.member("stack", free.stack);
               });
  json.object("health", [&] { write_health(json); });
  json.end_object();
  return text + "\n";
}

}  // namespace heapwatch::agent::pages
