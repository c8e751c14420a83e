#include "check/go_expvar/container_skip.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace heapwatch::check::go_expvar {

namespace {

constexpr std::size_t block_bytes = 64;
constexpr std::size_t depth_limit = 512;

/// Which of 64 bytes are what, the first in the lowest bit.
struct Marks {
  std::uint64_t quotes = 0;
  std::uint64_t backslashes = 0;
  std::uint64_t brackets = 0;
};

#ifdef __SSE2__

Marks marks_of(const char* block) {
  Marks marks;
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i lower_case = _mm_set1_epi8(0x20);
  const __m128i open = _mm_set1_epi8('{');   // '[' with 0x20 set
  const __m128i close = _mm_set1_epi8('}');  // ']' likewise
  for (std::size_t i = 0; i < 4; ++i) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + i * 16));
    const __m128i folded = _mm_or_si128(bytes, lower_case);
    const auto mask = [&](__m128i equal) {
      return static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(equal)))
             << (i * 16);
    };
    marks.quotes |= mask(_mm_cmpeq_epi8(bytes, quote));
    marks.backslashes |= mask(_mm_cmpeq_epi8(bytes, backslash));
    marks.brackets |=
        mask(_mm_or_si128(_mm_cmpeq_epi8(folded, open), _mm_cmpeq_epi8(folded, close)));
  }
  return marks;
}

#else

Marks marks_of(const char* block) {
  Marks marks;
  for (unsigned i = 0; i < block_bytes; ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    switch (block[i]) {
      case '"':
        marks.quotes |= bit;
        break;
      case '\\':
        marks.backslashes |= bit;
        break;
      case '{':
      case '}':
      case '[':
      case ']':
        marks.brackets |= bit;
        break;
      default:
        break;
    }
  }
  return marks;
}

#endif

/// Follows strings and brackets from block to block.
class Follower {
 public:
  Follower(bool is_array, std::size_t depth_max)
      : depth_max_(depth_max < depth_limit ? depth_max : depth_limit) {
    push(is_array);
  }

  enum class Outcome : std::uint8_t { goes_on, closed, broken };

  /// `at` is where it closed.
  Outcome take(const char* block, std::size_t& at) {
    const Marks marks = marks_of(block);
    const std::uint64_t quotes = marks.quotes & ~escaped(marks.backslashes);
    const std::uint64_t inside = strings(quotes);
    // A backslash outside of strings is no JSON, and what follows it is not what it seems.
    const std::uint64_t strays = marks.backslashes & ~inside;
    const std::uint64_t trusted = strays == 0 ? ~std::uint64_t{0} : (strays & (~strays + 1)) - 1;
    std::uint64_t brackets = marks.brackets & ~inside & trusted;
    while (brackets != 0) {
      at = static_cast<std::size_t>(std::countr_zero(brackets));
      brackets &= brackets - 1;
      const char bracket = block[at];
      if (bracket == '{' || bracket == '[') {
        if (depth_ > depth_max_ || depth_ >= depth_limit) {
          return Outcome::broken;
        }
        push(bracket == '[');
      } else if (top_is_array() != (bracket == ']')) {
        return Outcome::broken;
      } else if (--depth_ == 0) {
        return Outcome::closed;
      }
    }
    return strays == 0 ? Outcome::goes_on : Outcome::broken;
  }

 private:
  void push(bool is_array) {
    const std::uint64_t bit = std::uint64_t{1} << (depth_ % 64);
    std::uint64_t& word = arrays_.at(depth_ / 64);
    word = is_array ? word | bit : word & ~bit;
    ++depth_;
  }
  [[nodiscard]] bool top_is_array() const {
    return ((arrays_.at((depth_ - 1) / 64) >> ((depth_ - 1) % 64)) & 1U) != 0;
  }

  /// The characters behind a backslash that is not itself behind one.
  std::uint64_t escaped(std::uint64_t backslashes) {
    if (backslashes == 0 && !escape_pending_) {
      return 0;
    }
    std::uint64_t marked = 0;
    bool pending = escape_pending_;
    for (unsigned i = 0; i < block_bytes; ++i) {
      if (pending) {
        marked |= std::uint64_t{1} << i;
        pending = false;
      } else {
        pending = ((backslashes >> i) & 1U) != 0;
      }
    }
    escape_pending_ = pending;
    return marked;
  }

  /// From each opening quote up to its closing one.
  std::uint64_t strings(std::uint64_t quotes) {
    std::uint64_t inside = quotes;
    for (unsigned shift = 1; shift < block_bytes; shift *= 2) {
      inside ^= inside << shift;
    }
    if (in_string_) {
      inside = ~inside;
    }
    in_string_ = (inside >> (block_bytes - 1)) != 0;
    return inside;
  }

  std::size_t depth_max_;
  std::size_t depth_ = 0;
  std::array<std::uint64_t, depth_limit / 64 + 1> arrays_{};  // which open brackets are arrays
  bool in_string_ = false;
  bool escape_pending_ = false;
};

}  // namespace

std::size_t end_of_container(std::string_view text, bool is_array, std::size_t depth_max) {
  Follower follower(is_array, depth_max);
  std::size_t at = 0;
  std::size_t begin = 0;
  for (; text.size() - begin >= block_bytes; begin += block_bytes) {
    const auto outcome = follower.take(text.data() + begin, at);
    if (outcome != Follower::Outcome::goes_on) {
      return outcome == Follower::Outcome::closed ? begin + at : std::string_view::npos;
    }
  }
  std::array<char, block_bytes> rest{};
  std::memcpy(rest.data(), text.data() + begin, text.size() - begin);
  return follower.take(rest.data(), at) == Follower::Outcome::closed ? begin + at
                                                                     : std::string_view::npos;
}

}  // namespace heapwatch::check::go_expvar
