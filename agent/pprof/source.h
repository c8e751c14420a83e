// Where a profile comes from: the sources that `heapwatch pprof` takes, and how they are asked.
#pragma once

#include <chrono>
#include <string>

#include "agent/pprof/transport.h"
#include "base/error.h"
#include "net/http.h"
#include "pprof/driver/driver.h"

namespace heapwatch::agent {

/// A week: no profile takes longer.
inline constexpr std::int64_t seconds_max = 604'800;

/// A request that is ready to be sent.
struct Source {
  net::HttpRequest request;
  std::string shown;                 // for people: without credentials
  std::string asked_by_net;          // how errors of the exchange call it
  std::string kind;                  // the last part of the path
  bool collects = false;             // the other side collects its garbage first
  std::chrono::seconds duration{0};  // that the other side will take, as far as is known
};

/// `http(s)://HOST:PORT[/path]`, `https+insecure://...`, `HOST:PORT[/path]` or
/// `unix:///run/app.sock[/path]`. Without a path it is Go's page for the kind, or for CPU profiles.
/// Errors: not_found for what is no URL, invalid for a wrong one; without credentials.
[[nodiscard]] base::Result<Source> parse_source(const pprof::FetchRequest& asked,
                                                const TransportFlags& flags);

/// `1m30s` as Go writes it.
[[nodiscard]] std::string go_duration(std::chrono::seconds duration);

}  // namespace heapwatch::agent
