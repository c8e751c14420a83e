// Where a profile comes from: the sources that `heapwatch pprof` takes, and how they are asked.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/http.h"
#include "pprof/driver/driver.h"

namespace heapwatch::agent {

/// What the flags say of how to reach a source.
struct TransportFlags {
  std::string kind;                  // heap, goroutine, ...: the page where a URL names none
  std::vector<std::string> headers;  // `Name: value`
  std::string user;                  // `name:password`
  std::string token;                 // a bearer token
  std::string token_file;            // a file that holds one
  bool tls_insecure = false;
};

/// The flags that fill `flags`, which has to outlive them.
[[nodiscard]] std::vector<pprof::ExtraFlag> transport_flags(TransportFlags& flags);

/// The profiles that every Go program serves.
[[nodiscard]] const std::vector<std::string_view>& profile_kinds();

/// A request that is ready to be sent.
struct Source {
  net::HttpRequest request;
  std::string shown;                 // for people: without credentials
  std::string kind;                  // the last part of the path
  std::chrono::seconds duration{0};  // that the other side will take, as far as is known
};

/// True for what is meant as a URL: it has a scheme, or a port behind its host.
[[nodiscard]] bool is_url(const std::string& text);

/// `http(s)://HOST:PORT[/path]`, `https+insecure://...`, `HOST:PORT[/path]` or
/// `unix:///run/app.sock[/path]`. Without a path it is Go's page for the kind, or for CPU profiles.
/// Errors: not_found for what is no URL, invalid for a wrong one; without credentials.
[[nodiscard]] base::Result<Source> parse_source(const pprof::FetchRequest& asked,
                                                const TransportFlags& flags);

/// `1m30s` as Go writes it.
[[nodiscard]] std::string go_duration(std::chrono::seconds duration);

}  // namespace heapwatch::agent
