// Behind an object or array that no path enters, without reading what is in it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace heapwatch::expvar {

/// Follows an object or array from behind its opening bracket to its closing one, piece by piece.
/// Strings are followed to their ends and brackets to their partners; values between them are not
/// looked at.
class ContainerSkip {
 public:
  ContainerSkip(bool is_array, std::size_t depth_max);

  /// `broken`: a bracket closes another kind, brackets are nested deeper than `depth_max` in it, or
  /// there is a backslash outside of strings.
  enum class Outcome : std::uint8_t { goes_on, closed, broken };

  /// `at` is where it closed, in `bytes`. Only while it goes on.
  Outcome take(std::string_view bytes, std::size_t& at);

 private:
  static constexpr std::size_t depth_limit = 512;

  Outcome take_block(const char* block, std::size_t size, std::size_t& at);
  void push(bool is_array);
  [[nodiscard]] bool top_is_array() const;
  std::uint64_t escaped(std::uint64_t backslashes, std::size_t size);
  std::uint64_t strings(std::uint64_t quotes);

  std::size_t depth_max_;
  std::size_t depth_ = 0;
  std::array<std::uint64_t, depth_limit / 64 + 1> arrays_{};  // which open brackets are arrays
  bool in_string_ = false;
  bool escape_pending_ = false;
};

/// Where the object or array closes that opened just before `text`: an offset in it. npos when a
/// string or a bracket has no end, and for what ContainerSkip calls broken: a parser can then say
/// what is wrong.
[[nodiscard]] std::size_t end_of_container(std::string_view text, bool is_array,
                                           std::size_t depth_max);

}  // namespace heapwatch::expvar
