// Who holds memory, out of the profiles of the history.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "history/archive.h"

namespace heapwatch::agent::web {

struct SiteFrame {
  std::string function;
  std::string file;
  std::int64_t line = 0;  // 0: not known

  friend bool operator==(const SiteFrame&, const SiteFrame&) = default;
};

/// A place that holds memory, or of a difference holds more or less of it than before.
struct Site {
  std::string space;             // label of the samples: native, python, mmap, stack; empty: none
  std::vector<SiteFrame> stack;  // innermost first, of the samples with the most bytes
  std::int64_t bytes = 0;
  std::int64_t objects = 0;
  /// Of what is held: how much is at least so old and not as old as the next, the youngest first.
  /// None where the profile does not say; then there is no survival either.
  struct Age {
    std::int64_t seconds = 0;
    std::int64_t bytes = 0;
  };
  std::vector<Age> ages;
  /// Of what it held some time earlier: the share that it holds still.
  std::optional<double> survival;

  /// Whether both are of one place, in two profiles.
  [[nodiscard]] bool is_at_place_of(const Site& other) const;
};

struct Sites {
  std::vector<Site> sites;  // the largest first
  std::int64_t bytes = 0;   // of all sites
};

/// Of a profile, or of its difference to `base`. Errors: not_found when the history has dropped one
/// of them; invalid when one cannot be read.
[[nodiscard]] base::Result<Sites> sites_of(history::Archive& archive, std::int64_t profile,
                                           std::optional<std::int64_t> base, std::size_t most);

/// The largest of them; the sum stays that of all.
[[nodiscard]] Sites first_of(const Sites& sites, std::size_t most);

/// The same as gzipped profile.proto, as the data of a flame graph, and as a page of one.
[[nodiscard]] base::Result<std::string> profile_bytes(history::Archive& archive,
                                                      std::int64_t profile,
                                                      std::optional<std::int64_t> base);
[[nodiscard]] base::Result<std::string> flame_data(history::Archive& archive, std::int64_t profile,
                                                   std::optional<std::int64_t> base);
[[nodiscard]] base::Result<std::string> flame_page(history::Archive& archive, std::int64_t profile,
                                                   std::optional<std::int64_t> base);

/// For who downloads a profile: "shopd-4711-native".
[[nodiscard]] std::string file_name(const history::Life& life, const std::string& kind);

}  // namespace heapwatch::agent::web
