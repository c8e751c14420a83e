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

struct ContextParts {
  std::string name;
  Tags tags;
  std::optional<std::string> host;
  std::string help;
  Audience audience = Audience::everyone;
};

/// Name, host and tags of a series, with the sentence that documents it.
///
/// Immutable; a check makes it when it first meets a series and hands the same pointer in with
/// every sample, so that neither names nor tags are built, hashed or compared again, and an
/// exporter can keep what it rendered for it.
///
/// Thousands of targets have series of the same names, and a target's series have the same tags:
/// equal ones are held once between all contexts.
class Context {
 public:
  /// What the series of one name have in common.
  struct Named {
    std::string name;
    std::string help;
    Audience audience = Audience::everyone;
    bool operator==(const Named&) const = default;
  };
  /// What the series of one target have in common.
  struct Origin {
    Tags tags;
    std::optional<std::string> host;
    bool operator==(const Origin&) const = default;
  };

  explicit Context(ContextParts parts);
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() = default;

 private:
  Context(std::shared_ptr<const Named> named, std::shared_ptr<const Origin> origin);

  std::shared_ptr<const Named> named_;
  std::shared_ptr<const Origin> origin_;

 public:
  const std::string& name;                 // Datadog's form: "go_expvar.memstats.heap_alloc"
  const Tags& tags;                        // sorted, each once
  const std::optional<std::string>& host;  // absent: the agent's own; empty: none at all
  const std::string& help;                 // what people read: "expvar path memstats/HeapAlloc"
  const std::uint64_t hash;                // of name, tags and host
  const Audience audience;

  /// The same series: help is not part of the identity, nor is the metric type.
  [[nodiscard]] bool same_series(const Context& other) const;
};

using ContextPtr = std::shared_ptr<const Context>;

/// Threads: safe.
[[nodiscard]] ContextPtr make_context(ContextParts parts);

}  // namespace heapwatch::metrics
