// The pages about native memory.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/json.h"
#include "memory/native/native_heap.h"
#include "net/routes.h"

namespace heapwatch::agent::pages {

/// Serves the heap profile of a process.
///
/// Threads: any. A request with ?seconds=N keeps its thread so long, or until stop().
class HeapPages {
 public:
  using Source = std::function<base::Result<memory::native::NativeHeap>(const net::ServerRequest&)>;
  /// What is sent of a heap that is no difference.
  using Encoder =
      std::function<std::string(const net::ServerRequest&, const memory::native::NativeHeap&,
                                const memory::native::NativeProfileOptions&)>;
  /// `encoder`: null: the profile of the heap alone.
  explicit HeapPages(Source source, Encoder encoder = nullptr)
      : source_(std::move(source)), encoder_(std::move(encoder)) {}

  /// They take long: they may wait for ?seconds=, and they read the symbols of libraries. This
  /// object must outlive whoever serves them.
  [[nodiscard]] std::vector<net::Route> routes();
  /// No request waits any longer.
  void stop();

 private:
  enum class Kind : bool { heap, allocations };
  /// 400 for a parameter that is wrong, 503 when as many requests as may are waiting already.
  [[nodiscard]] net::ServerReply profile(const net::ServerRequest& request, Kind kind);
  /// The names of functions at addresses of the process: `0x401136+0x401150` in the body of a POST
  /// or in the query.
  [[nodiscard]] net::ServerReply symbols(const net::ServerRequest& request);
  base::Result<memory::native::NativeHeap> between(const net::ServerRequest& request,
                                                   std::int64_t seconds);

  Source source_;
  Encoder encoder_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;
  int waiting_ = 0;
};

/// The six counters under their names at /debug/vars, as members of the object being written.
void write_counters(base::JsonWriter& json, const memtrack_counters& counters);
/// `components`, each with its counters, and the figures of memtrack itself; members as well.
void write_components(base::JsonWriter& json);
void write_health(base::JsonWriter& json);

/// /debug/memtrack: the state of the accounting in this process.
[[nodiscard]] std::string memtrack_page();

}  // namespace heapwatch::agent::pages
