// The identity of a series, made once and shared by everything that handles its samples.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace heapwatch::metrics {

/// `key:value` or bare tags. In a Context they are sorted and each is there once.
using Tags = std::vector<std::string>;

/// Who is shown a series.
enum class Audience : std::uint8_t {
  everyone,
  datadog,     // Prometheus has it under another name
  prometheus,  // and Datadog likewise
};

/// Name, host and tags of a series, with the sentence that documents it.
///
/// Immutable; a check makes it when it first meets a series and hands the same pointer in with
/// every sample, so that neither names nor tags are built, hashed or compared again, and an
/// exporter can keep what it rendered for it.
struct Context {
  std::string name;  // Datadog's form: "go_expvar.memstats.heap_alloc"
  Tags tags;
  std::optional<std::string> host;  // absent: the agent's own; empty: none at all
  std::string help;                 // what people read: "expvar path memstats/HeapAlloc"
  Audience audience = Audience::everyone;
  std::uint64_t hash = 0;  // of name, tags and host

  /// The same series: help is not part of the identity, nor is the metric type.
  [[nodiscard]] bool same_series(const Context& other) const;
};

using ContextPtr = std::shared_ptr<const Context>;

struct ContextParts {
  std::string name;
  Tags tags;
  std::optional<std::string> host;
  std::string help;
  Audience audience = Audience::everyone;
};
[[nodiscard]] ContextPtr make_context(ContextParts parts);

}  // namespace heapwatch::metrics
