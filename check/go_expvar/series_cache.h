// The series of an instance, remembered so that the next run makes no names and no tags.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "check/go_expvar/path.h"
#include "metrics/context.h"

namespace heapwatch::check::go_expvar {

/// A series, shared by all the variables that become it.
struct Series {
  metrics::Context context;
  bool allowed = true;    // by metric_patterns
  std::uint64_t run = 0;  // the last one in which it had a sample,
  std::size_t entry = 0;  // and from where
  KeyPath path;
};

/// A variable that an entry took.
struct Variable {
  std::shared_ptr<Series> series;    // null until it was a number
  std::shared_ptr<Series> increase;  // the `.count` twin, where there is one
  bool told = false;                 // that it is no number
  std::uint64_t run = 0;             // the last one in which it was there
  KeyPath path;                      // valid while this is
};

/// What was not there for `runs_to_forget` runs is forgotten, which bounds it to the variables of
/// so many runs.
class SeriesCache {
 public:
  static constexpr std::uint64_t runs_to_forget = 8;

  /// Begins a run, and returns its number.
  std::uint64_t next_run();

  /// The variable at `path` as `entry` takes it; added when it is new.
  [[nodiscard]] Variable& variable(std::size_t entry, const KeyPath& path);

  /// The series of a context; one that is known already comes back for an equal context.
  [[nodiscard]] std::shared_ptr<Series> series(metrics::Context context, bool allowed);

  [[nodiscard]] std::size_t size() const { return variables_.size(); }

 private:
  struct KeyView {
    std::size_t entry;
    std::string_view path;
  };
  struct Key {
    std::size_t entry;
    std::string path;
    // NOLINTNEXTLINE(google-explicit-constructor): the map compares keys with views of them
    operator KeyView() const { return {entry, path}; }
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const KeyView& key) const;
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const KeyView& a, const KeyView& b) const {
      return a.entry == b.entry && a.path == b.path;
    }
  };

  void forget();

  std::uint64_t run_ = 0;
  std::vector<std::pair<const Key, Variable>*> order_;  // in which the last run asked
  std::size_t asked_ = 0;                               // so many of them again in this one
  std::unordered_map<Key, Variable, Hash, Equal> variables_;
  std::unordered_multimap<std::uint64_t, std::weak_ptr<Series>> series_;  // by hash of the context
};

}  // namespace heapwatch::check::go_expvar
