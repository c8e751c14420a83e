// What the parsers of the single legacy formats share.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "pprof/legacy/legacy.h"
#include "pprof/profile.h"

namespace heapwatch::pprof::legacy {

using base::ErrorKind;
using base::fail;
using base::Result;

[[nodiscard]] inline tl::unexpected<base::Error> unrecognized() {
  return fail(ErrorKind::invalid, std::string(unrecognized_format));
}

/// Walks the lines of a text, without their ends.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  /// Goes to the next line; at the end says no, and the line is empty.
  bool next() {
    if (std::exchange(is_again_, false)) {
      return true;
    }
    if (rest_.empty()) {
      line_ = {};
      return false;
    }
    const std::size_t end = rest_.find('\n');
    line_ = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    if (line_.ends_with('\r')) {
      line_.remove_suffix(1);
    }
    return true;
  }
  [[nodiscard]] std::string_view line() const { return line_; }
  /// Makes the next next() stay on this line.
  void again() { is_again_ = true; }

 private:
  std::string_view rest_;
  std::string_view line_;
  bool is_again_ = false;
};

[[nodiscard]] std::string_view trim_space(std::string_view text);
[[nodiscard]] bool is_space_or_comment(std::string_view line);
[[nodiscard]] bool is_memory_map_sentinel(std::string_view line);

/// All `0x...` numbers of a text. Errors: invalid when one does not fit 64 bits.
[[nodiscard]] Result<std::vector<std::uint64_t>> parse_hex_addresses(std::string_view text);

/// The whole of `text` as an integer of the given base.
[[nodiscard]] bool parse_integer(std::string_view text, int base, std::int64_t& value);
[[nodiscard]] bool parse_integer(std::string_view text, int base, std::uint64_t& value);

/// What the probability of being sampled says of the true count and size.
struct CountAndSize {
  std::int64_t count = 0;
  std::int64_t size = 0;
};
[[nodiscard]] CountAndSize unsample_heap(CountAndSize sampled, std::int64_t rate);

/// A profile under construction whose locations are known by their addresses.
class StackBuilder {
 public:
  Profile profile;

  void set_types(std::initializer_list<std::pair<std::string_view, std::string_view>> types);
  void set_period(std::string_view type, std::string_view unit, std::int64_t period);
  /// The location at `address`, which is made when it is new.
  std::uint32_t location_at(std::uint64_t address);
  /// `address` stands in the stack as a return address: the call is one before it.
  std::uint32_t call_before(std::uint64_t address) { return location_at(address - 1); }
  /// The function of these texts, which is made when it is new.
  std::uint32_t function(std::string_view name, std::string_view file);

  /// Reads the memory map that follows, attaches mappings, and numbers everything.
  Profile finish(Lines lines);
  /// As finish(), without a memory map.
  Profile finish() { return finish(Lines("")); }

 private:
  void number_by_first_use();

  HashIndex locations_by_address_;
  HashIndex functions_;
};

/// Drops a second frame that is the first one again, one byte lower: some collectors write the leaf
/// both as the interrupted instruction and as a return address.
void drop_doubled_leaves(Profile& profile);
/// Skips to the memory map, if there is one.
void skip_to_memory_map(Lines& lines);
/// Appends the executable mappings of a text like /proc/self/maps to the profile.
void read_memory_map(Lines& lines, Profile& profile);
/// Gives each location without mapping the one around its address, or one made up.
void attach_mappings(Profile& profile);

/// Collects the `#` lines with which Go explains the addresses of its texts.
class GoSymbols {
 public:
  /// Takes one comment line.
  void read(std::string_view comment);
  [[nodiscard]] bool empty() const { return symbols_.empty(); }
  /// Writes names, files and lines into the profile, and cuts what Go hides of each stack: the
  /// runtime's frames at its leaf and goexit at its root.
  void apply(StackBuilder& builder);

 private:
  struct Symbol {
    std::uint64_t address;
    std::string_view name;
    std::string_view file;
    std::int64_t line;
  };
  [[nodiscard]] bool is_hidden(const Profile& profile, std::uint32_t location) const;

  std::vector<Symbol> symbols_;
  std::vector<std::string_view> mem_stats_;
  bool in_mem_stats_ = false;
};

/// Adds the labels that a comment tells to the sample that is being built.
void add_go_labels(std::string_view comment, Profile& profile);

[[nodiscard]] Result<Profile> parse_cpu(std::string_view bytes);
[[nodiscard]] Result<Profile> parse_heap(std::string_view bytes);
[[nodiscard]] Result<Profile> parse_go_count(std::string_view bytes);
[[nodiscard]] Result<Profile> parse_thread(std::string_view bytes);
[[nodiscard]] Result<Profile> parse_contention(std::string_view bytes);
[[nodiscard]] Result<Profile> parse_java(std::string_view bytes);
[[nodiscard]] Result<Profile> parse_goroutine_dump(std::string_view bytes);

/// The second half of a Java profile: addresses and the names behind them.
[[nodiscard]] Result<Profile> finish_java(StackBuilder& builder, Lines lines);

}  // namespace heapwatch::pprof::legacy
