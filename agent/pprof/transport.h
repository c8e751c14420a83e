// What the flags of `heapwatch pprof` say of how to reach a source.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pprof/driver/flags.h"

namespace heapwatch::agent {

struct TransportFlags {
  std::string kind;                  // heap, goroutine, ...: the page where a URL names none
  std::string kind_query;            // what stands behind the kind's question mark
  bool gc = false;                   // garbage is collected before a heap profile is made
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

/// True for what is meant as a URL: it has a scheme, or a port behind its host.
[[nodiscard]] bool is_url(const std::string& text);

}  // namespace heapwatch::agent
