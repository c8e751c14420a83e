#include "expvar/container_skip.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace heapwatch::expvar {

namespace {

constexpr std::size_t block_bytes = 64;

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

}  // namespace

ContainerSkip::ContainerSkip(bool is_array, std::size_t depth_max)
    : depth_max_(std::min(depth_max, depth_limit)) {
  push(is_array);
}

void ContainerSkip::push(bool is_array) {
  const std::uint64_t bit = std::uint64_t{1} << (depth_ % 64);
  std::uint64_t& word = arrays_.at(depth_ / 64);
  word = is_array ? word | bit : word & ~bit;
  ++depth_;
}

bool ContainerSkip::top_is_array() const {
  return ((arrays_.at((depth_ - 1) / 64) >> ((depth_ - 1) % 64)) & 1U) != 0;
}

/// The characters behind a backslash that is not itself behind one.
std::uint64_t ContainerSkip::escaped(std::uint64_t backslashes, std::size_t size) {
  if (backslashes == 0 && !escape_pending_) {
    return 0;
  }
  std::uint64_t marked = 0;
  bool pending = escape_pending_;
  for (unsigned i = 0; i < size; ++i) {
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
std::uint64_t ContainerSkip::strings(std::uint64_t quotes) {
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

/// What a block holds behind `size` is zeros.
ContainerSkip::Outcome ContainerSkip::take_block(const char* block, std::size_t size,
                                                 std::size_t& at) {
  const Marks marks = marks_of(block);
  const std::uint64_t quotes = marks.quotes & ~escaped(marks.backslashes, size);
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

ContainerSkip::Outcome ContainerSkip::take(std::string_view bytes, std::size_t& at) {
  std::size_t begin = 0;
  Outcome outcome = Outcome::goes_on;
  for (; bytes.size() - begin >= block_bytes; begin += block_bytes) {
    outcome = take_block(bytes.data() + begin, block_bytes, at);
    if (outcome != Outcome::goes_on) {
      at += begin;
      return outcome;
    }
  }
  if (begin < bytes.size()) {
    std::array<char, block_bytes> rest{};
    std::memcpy(rest.data(), bytes.data() + begin, bytes.size() - begin);
    outcome = take_block(rest.data(), bytes.size() - begin, at);
    at += begin;
  }
  return outcome;
}

std::size_t end_of_container(std::string_view text, bool is_array, std::size_t depth_max) {
  ContainerSkip skip(is_array, depth_max);
  std::size_t at = 0;
  return skip.take(text, at) == ContainerSkip::Outcome::closed ? at : std::string_view::npos;
}

}  // namespace heapwatch::expvar
