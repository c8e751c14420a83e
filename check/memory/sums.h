// From what is known of each process to the series of an instance: one per set of tags.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "check/memory/machine.h"
#include "metrics/sample_sink.h"

namespace heapwatch::check::memory {

/// What is kept of a look until the next one. Units: bytes.
struct Looked {
  struct Row {
    std::string space;
    std::string owner;
    std::string state;
    std::uint64_t bytes = 0;
    std::optional<std::uint64_t> blocks;
  };
  struct Type {
    std::string space;
    std::string name;
    std::uint64_t objects = 0;
    std::uint64_t bytes = 0;
  };
  std::vector<Row> rows;
  std::vector<Type> types;                       // those with the most bytes
  std::map<std::string, std::uint64_t> objects;  // live ones of all types, by space
  std::uint64_t unexplained = 0;
  std::uint64_t pss = 0;
  std::uint64_t uncertainty = 0;
  bool has_pss = false;  // its mappings could be read
  std::optional<std::uint64_t> goroutines;
};

/// Rows are kept for at most so many owners and states, those with the most bytes.
inline constexpr std::size_t rows_max = 100;
inline constexpr std::size_t types_max = 20;

[[nodiscard]] Looked kept_of(const Survey& survey);

/// Where series go: the tags of the instance, its host, and which names are wanted.
class Destination {
 public:
  using Allows = std::function<bool(std::string_view name)>;

  /// Ownership: all of it must outlive the destination.
  Destination(metrics::SampleSink& sink, const metrics::Tags& tags,
              const std::optional<std::string>& host, const Allows& allows)
      : sink_(sink), tags_(tags), host_(host), allows_(allows) {}

  template <typename T>
  void gauge(std::string_view name, T value, const metrics::Tags& more = {}) const {
    submit(name, base::Number::of(value), more);
  }

 private:
  void submit(std::string_view name, base::Number value, const metrics::Tags& more) const;

  metrics::SampleSink& sink_;
  const metrics::Tags& tags_;
  const std::optional<std::string>& host_;
  const Allows& allows_;
};

/// The processes of an instance that have the same tags are one.
class Sums {
 public:
  /// `looked` is null for a process that nobody has looked at yet.
  void add(const metrics::Tags& tags, const Facts& facts, const Looked* looked,
           const std::optional<Cgroup>& cgroup);
  void submit(const Destination& to) const;

 private:
  struct Amount {
    std::uint64_t bytes = 0;
    std::optional<std::uint64_t> blocks;
  };
  struct Objects {
    std::uint64_t objects = 0;
    std::uint64_t bytes = 0;
  };
  using Key = std::tuple<std::string, std::string, std::string>;  // space, owner, state
  struct Sum {
    std::uint64_t processes = 0;
    std::uint64_t rss = 0;
    std::uint64_t swap = 0;
    std::uint64_t threads = 0;
    std::uint64_t pss = 0;
    std::uint64_t unexplained = 0;
    std::uint64_t uncertainty = 0;
    std::uint64_t looked = 0;  // processes
    std::uint64_t with_pss = 0;
    std::optional<std::uint64_t> goroutines;
    std::map<Key, Amount> rows;
    std::map<std::pair<std::string, std::string>, Objects> types;
    std::map<std::string, std::uint64_t> objects;  // by space
    std::map<std::string, Cgroup> groups;          // by path
  };

  static void submit(const Sum& sum, const metrics::Tags& tags, const Destination& to);
  static void submit_rows(const Sum& sum, const metrics::Tags& tags, const Destination& to);
  static void submit_types(const Sum& sum, const metrics::Tags& tags, const Destination& to);
  static void submit_groups(const Sum& sum, const metrics::Tags& tags, const Destination& to);

  std::map<metrics::Tags, Sum> sums_;
};

}  // namespace heapwatch::check::memory
