// Where the resident memory of a process is: rows that add up to RSS.
//
// A process is looked at once (process::ProcessView). Readers then run in the order of the table in
// memory/readers.cpp. Each returns what it has found:
//
//   claims  address ranges that are its own. A byte has one owner: what an earlier reader has
//           claimed stays that reader's, and only resident bytes count, so a reader may claim a
//           whole heap, reserved parts and all, without asking.
//   splits  bytes moved from the state in which a range was claimed to another one: of the heap
//           that is claimed as overhead so much is live, so much is held. A split moves what is
//           there, never more, so that the rows add up whatever a reader says.
//   checks  its self-check. A reader that finds its own numbers at odds says so here (ok = false),
//           claims its ranges as State::mapped, and returns no splits: a guess is not shown as a
//           fact.
//   missing what it lacked, with the one command that gives it.
//
// What nobody claims is the row "unexplained", with the largest mappings named.
//
// To add a reader: a folder memory/<name>/ with `Found find(const Look&)`, a line in the table of
// memory/readers.cpp, the folder's name in memory/CMakeLists.txt, and tests in
// tests/memory/<name>/. Anything in the process is hostile: bound lists, check sizes and pointers.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "memory/process/view.h"

namespace heapwatch::memory {

namespace glibc {
struct Heaps;
}

enum class Space : std::uint8_t {
  go,
  native,
  python,
  stacks,
  files,
  shared,
  own,  // heapwatch's: memtrack's books and shadow
  other,
  unexplained,
};

inline constexpr std::array spaces{Space::go,     Space::native, Space::python,
                                   Space::stacks, Space::files,  Space::shared,
                                   Space::own,    Space::other,  Space::unexplained};

enum class State : std::uint8_t {
  live,      // used by the program
  dead,      // garbage that the collector has not taken yet
  held,      // free, and kept by the allocator
  overhead,  // what the allocator or runtime needs for itself
  mapped,    // not split
};

/// Where a number comes from.
enum class Source : std::uint8_t {
  counter,   // the runtime's own counter
  walk,      // counted, block by block
  inferred,  // follows from other numbers
  mapping,   // the kernel's page tables
};

[[nodiscard]] std::string_view name_of(Space space);
[[nodiscard]] std::string_view name_of(State state);
[[nodiscard]] std::string_view name_of(Source source);

/// A range and whose it is. The bytes that are counted are those resident in it.
struct Claim {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  Space space = Space::other;
  std::string owner;  // "glibc"
  State state = State::mapped;
  Source source = Source::mapping;
  /// Tells rows of one owner and state apart, and is read by people: "arenas", "mmapped blocks".
  std::string detail;
};

/// Moves bytes of a row to another state of the same space and owner.
struct Split {
  Space space = Space::other;
  std::string owner;
  State from = State::mapped;
  std::string from_detail;
  State to = State::live;
  std::string detail;  // of the row that gets them
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> blocks;
  Source source = Source::walk;
  std::string note;
  std::uint64_t torn_bytes = 0;
};

/// Units: resident bytes.
struct Row {
  Space space = Space::other;
  std::string owner;
  State state = State::mapped;
  std::string detail;
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> blocks;
  Source source = Source::mapping;
  std::string note;
  /// By so many bytes it may be off, since the process ran on while it was read; 0: not torn.
  std::uint64_t torn_bytes = 0;
  friend bool operator==(const Row&, const Row&) = default;
};

struct Check {
  std::string reader;
  bool ok = true;
  std::string note;
  /// It is not ok only because the process ran on: the numbers are there, each with how far it may
  /// be off, and another look would not be better.
  bool is_torn = false;
  friend bool operator==(const Check&, const Check&) = default;
};

struct Missing {
  std::string what;
  std::string why;
  std::string remedy;
  friend bool operator==(const Missing&, const Missing&) = default;
};

using BlocksBySize = std::map<std::uint64_t, std::uint64_t>;  // by bytes of a block

/// Blocks of one size.
struct SizeCount {
  std::uint64_t size = 0;  // bytes of a block, with what the allocator adds
  std::uint64_t blocks = 0;
  friend bool operator==(const SizeCount&, const SizeCount&) = default;
};

/// From the blocks of each size.
[[nodiscard]] std::vector<SizeCount> most_bytes_first(const BlocksBySize& blocks);

/// An allocator's own totals, resident or not. Units: bytes.
struct AllocatorReport {
  std::string name;
  std::string version;  // empty: not known
  std::uint64_t in_use_bytes = 0;
  std::uint64_t free_bytes = 0;
  std::uint64_t trim_bytes = 0;  // what malloc_trim would give back
  std::uint64_t blocks = 0;
  std::uint64_t arenas = 0;
  bool walked = false;
  std::vector<SizeCount> sizes;  // live blocks, most bytes first
  /// Of Go: how many there are, with the runtime's own; how many collections there were.
  std::optional<std::uint64_t> goroutines = std::nullopt;
  std::optional<std::uint64_t> collections = std::nullopt;
};

/// Live objects of one type.
struct TypeCount {
  Space space = Space::native;
  std::string name;
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
};

/// Blocks that nothing in the process leads to, of one class or size.
struct Unreachable {
  std::string name;
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
  /// Of them, those that no other unreachable block leads to: where a leak begins.
  std::uint64_t heads = 0;
};

struct ReachReport {
  std::uint64_t blocks = 0;  // unreachable
  std::uint64_t bytes = 0;
  std::uint64_t heads = 0;
  std::uint64_t reachable_blocks = 0;
  std::vector<Unreachable> groups;  // those with heads first, most bytes first
};

/// What nobody claimed, of one mapping.
struct Unexplained {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t bytes = 0;  // resident
  std::string protection;   // "rw-p"
  std::string name;
};

/// What one reader returns. See the top of this file.
struct Found {
  std::vector<Claim> claims;
  std::vector<Split> splits;
  std::vector<Check> checks;
  std::vector<Missing> missing;
  std::vector<AllocatorReport> allocators;
  std::vector<TypeCount> types;
  std::optional<ReachReport> reach;
  /// The blocks of glibc, for readers that look inside them (memory/glibc/heaps.h).
  std::shared_ptr<const glibc::Heaps> glibc;
};

struct Options {
  bool types = false;  // count objects by type
  bool reach = false;  // mark what can be reached; wants a process that stands still
  bool pause = false;  // stop the process for a moment, to see all of it at one time
  bool files = false;  // a row for each file that is mapped
};

/// What the check of a reader says whose heap changed while it was read.
[[nodiscard]] std::string torn_note(std::uint64_t torn_bytes);

/// Adds up claims. Invariant: rows() and unexplained() together are the residency's total.
///
/// Threads: one at a time.
class Picture {
 public:
  explicit Picture(std::shared_ptr<const process::ProcessView> view);

  [[nodiscard]] const process::ProcessView& view() const { return *view_; }

  /// Takes over what a reader has found. A claim is cut where it meets earlier ones. Splits beyond
  /// what is there are cut, and a check of the reader's fails.
  void take(std::string_view reader, Found found);

  /// The parts of a range that nobody has claimed yet, in order.
  [[nodiscard]] std::vector<process::Range> unclaimed(std::uint64_t begin, std::uint64_t end) const;
  [[nodiscard]] bool is_claimed(std::uint64_t address) const;
  /// Resident bytes of a range that nobody has claimed yet.
  [[nodiscard]] std::uint64_t unclaimed_bytes(std::uint64_t begin, std::uint64_t end) const;
  /// The unclaimed parts of anonymous, private, writable memory: where heaps are looked for.
  /// Neighbouring mappings count as one piece of memory.
  [[nodiscard]] std::vector<process::Range> unclaimed_heap_memory() const;
  /// Its resident bytes.
  [[nodiscard]] std::uint64_t unclaimed_heap_bytes() const;

  /// Ordered by space, then owner and state; the unexplained rest comes last. Rows without a byte
  /// are left out, but for those with blocks.
  [[nodiscard]] std::vector<Row> rows() const;
  /// What nobody claimed, the largest first, at most `most`.
  [[nodiscard]] std::vector<Unexplained> unexplained(std::size_t most = 10) const;
  [[nodiscard]] std::uint64_t unexplained_bytes() const;

  [[nodiscard]] const std::vector<Check>& checks() const { return checks_; }
  [[nodiscard]] const std::vector<Missing>& missing() const { return missing_; }
  [[nodiscard]] const std::vector<AllocatorReport>& allocators() const { return allocators_; }
  [[nodiscard]] const std::vector<TypeCount>& types() const { return types_; }
  [[nodiscard]] const std::optional<ReachReport>& reach() const { return reach_; }
  /// Null when glibc was not found or not walked.
  [[nodiscard]] const glibc::Heaps* glibc() const { return glibc_.get(); }

 private:
  struct Key {
    Space space;
    std::string owner;
    State state;
    std::string detail;
    friend bool operator<(const Key& a, const Key& b) {
      return std::tie(a.space, a.owner, a.state, a.detail) <
             std::tie(b.space, b.owner, b.state, b.detail);
    }
  };
  struct Amount {
    std::uint64_t bytes = 0;
    std::optional<std::uint64_t> blocks;
    Source source = Source::mapping;
    std::string note;
    std::uint64_t torn_bytes = 0;
  };

  [[nodiscard]] std::uint64_t claim(std::uint64_t begin, std::uint64_t end);
  [[nodiscard]] bool split(Split split);

  std::shared_ptr<const process::ProcessView> view_;
  std::map<std::uint64_t, std::uint64_t> claimed_;  // begin to end, apart from one another
  std::uint64_t claimed_bytes_ = 0;
  std::map<Key, Amount> amounts_;
  std::vector<Check> checks_;
  std::vector<Missing> missing_;
  std::vector<AllocatorReport> allocators_;
  std::vector<TypeCount> types_;
  std::optional<ReachReport> reach_;
  std::shared_ptr<const glibc::Heaps> glibc_;
};

/// What a reader gets: the process, what others have claimed, and what was asked for.
struct Look {
  const process::ProcessView& view;
  const Picture& so_far;
  const Options& options;
};

struct Reader {
  std::string_view name;
  Found (*find)(const Look& look);
};

}  // namespace heapwatch::memory
