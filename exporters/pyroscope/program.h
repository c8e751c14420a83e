// What has a heap profile that can be sent.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "metrics/context.h"
#include "net/http.h"
#include "pprof/profile.h"

namespace heapwatch::exporters::pyroscope {

/// The heap of a program at one moment.
struct Heap {
  /// Two that are equal: nothing was allocated or freed in between.
  std::uint64_t state = 0;
  /// Called once, and only when the profile is wanted: finding the names of functions takes time.
  std::function<pprof::Profile()> profile;
};

/// Absent: there is none to be had now, which is no fault.
using Take = std::function<base::Result<std::optional<Heap>>()>;

struct Program {
  std::string id;       // each another, and the same at each look
  std::string service;  // what its profiles are filed under
  metrics::Tags tags;
  std::string_view spy = "heapwatch";  // a literal: who made the profile, as Pyroscope calls it

  // One of these. The page is that of a Go program's heap.
  net::HttpRequestPtr page;
  Take take;
};

/// All that there are now. Called on the thread that takes their profiles.
using Programs = std::function<std::vector<Program>()>;

}  // namespace heapwatch::exporters::pyroscope
