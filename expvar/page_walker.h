// One pass over the JSON of a page along a plan, which keeps what the plan's paths take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/number.h"
#include "expvar/json_repair.h"
#include "expvar/plan.h"

namespace heapwatch::expvar {

inline constexpr std::size_t page_depth_max = 256;
/// Of all paths that are kept of a page.
inline constexpr std::size_t kept_path_bytes_max = std::size_t{64} * 1024 * 1024;
inline constexpr std::size_t page_bytes_max = std::size_t{256} * 1024 * 1024;

enum class JsonKind : std::uint8_t { null, boolean, number, text, array, object };
/// "an object", "a number", "null", ...
[[nodiscard]] std::string_view with_article(JsonKind kind);

/// One value that a path of the plan took.
struct Match {
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

  JsonKind kind = JsonKind::null;
  std::optional<base::Number> number;  // also of booleans (1 and 0) and of text that float() takes
  std::uint32_t path_at = 0;           // in PageMatches::path_bytes
  std::uint32_t path_size = 0;
  std::size_t begin = 0;  // where the value stands in PageWalker::text()
  std::size_t end = 0;
  std::uint32_t next = none;  // of the same path
  bool replaced = false;      // by a later member with the same name
};

/// The matches of each path, in document order.
///
/// Ownership: buffers are kept between pages, so that walking the same page again allocates
/// nothing.
class PageMatches {
 public:
  struct OfPath {
    std::uint32_t first = Match::none;
    std::uint32_t last = Match::none;
    std::size_t numbers = 0;  // seen, those that were not kept included
    std::size_t others = 0;
  };

  /// Calls `use` with each match of a path.
  template <typename Use>
  void for_each(WantedIndex wanted, const Use& use) const {
    const std::uint32_t first = wanted_[static_cast<std::size_t>(wanted)].first;
    for (std::uint32_t i = first; i != Match::none; i = matches_[i].next) {
      if (!matches_[i].replaced) {
        use(matches_[i]);
      }
    }
  }
  /// The first match of a path; null when it has none.
  [[nodiscard]] const Match* first(WantedIndex wanted) const;
  [[nodiscard]] const OfPath& of(WantedIndex wanted) const {
    return wanted_[static_cast<std::size_t>(wanted)];
  }
  [[nodiscard]] KeyPath path(const Match& match) const {
    const std::string_view all = path_bytes_;
    return KeyPath{all.substr(match.path_at, match.path_size)};
  }

  /// Members whose values were no JSON; they read as null.
  std::uint64_t invalid_members = 0;
  std::size_t first_invalid_at = 0;  // offset in the page

  /// Members that some path would take or enter, left out with all that is in them: a key of more
  /// than key_bytes_max, a path of more than path_bytes_max, or paths of more than
  /// kept_path_bytes_max in all.
  std::uint64_t long_keys = 0;
  std::string first_long_key;  // its beginning

 private:
  friend class PageWalker;
  friend class Walk;

  std::vector<Match> matches_;
  std::vector<OfPath> wanted_;
  std::string path_bytes_;
};

/// `line 4, column 12`, both from 1 and in bytes.
[[nodiscard]] std::string place_in_page(std::string_view page, std::size_t offset);

struct WalkBuffers;

/// JSON in Python's dialect: NaN, Infinity and -Infinity are numbers, and of members with the same
/// name the last one counts. Values that Go prints and JSON does not know cost only themselves.
///
/// Threads: not safe. Errors: invalid (`page line 4, column 12: ...`), limit (page_bytes_max,
/// page_depth_max).
class PageWalker {
 public:
  PageWalker();
  PageWalker(const PageWalker&) = delete;
  PageWalker& operator=(const PageWalker&) = delete;
  PageWalker(PageWalker&&) noexcept;
  PageWalker& operator=(PageWalker&&) noexcept;
  ~PageWalker();

  [[nodiscard]] base::Result<void> walk(const Plan& plan, std::string_view page,
                                        PageMatches& matches);

  /// The same for what PageCondenser kept of a page. False for anything but JSON: it then takes the
  /// whole page to tell what is wrong with it, or what in it.
  [[nodiscard]] bool walk_condensed(const Plan& plan, std::string_view kept, PageMatches& matches);

  /// What the offsets of the last walk's matches refer to. Valid while the page is.
  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  base::Result<void> walk_text(const Plan& plan, PageMatches& matches, std::size_t& error_at);

  std::string_view text_;
  std::string work_;  // parsed in place
  RepairedPage repaired_;
  std::unique_ptr<WalkBuffers> buffers_;
};

}  // namespace heapwatch::expvar
