#include "memtrack/poisson.h"

#include <string.h>

namespace heapwatch::memtrack {

namespace {

constexpr unsigned parts_bits = 6;
constexpr unsigned parts = 1U << parts_bits;

/// (0, 1), never 0, by the 53 high bits.
double fraction(std::uint64_t random) {
  return (static_cast<double>(random >> 11) + 0.5) * 0x1p-53;
}

std::int64_t exponential(std::uint64_t mean, double uniform) {
  return static_cast<std::int64_t>(-natural_log(uniform) * static_cast<double>(mean)) + 1;
}

std::int64_t draw_from_a_part(std::uint64_t interval, Draws& draws) {
  std::uint64_t random = 0;
  std::uint64_t part = 0;
  do {
    random = next_random(draws.random);
    part = random >> (64 - parts_bits);
  } while ((draws.parts >> part & 1) != 0);
  draws.parts |= std::uint64_t{1} << part;
  if (draws.parts == ~std::uint64_t{0}) {
    draws.parts = 0;
  }
  return exponential(interval,
                     (static_cast<double>(part) + fraction(random << parts_bits)) / parts);
}

/// A thread's first sample falls anywhere into 64 intervals, so those after it go on from there. If
/// all threads began with a full set, there would be up to half a sample too few of each.
void place(Draws& draws) {
  constexpr std::uint64_t scale = 1U << 20;
  struct {
    std::int64_t length;
    std::uint64_t parts;  // that were drawn from by then
  } intervals[parts];
  std::uint64_t sum = 0;
  for (auto& drawn : intervals) {
    drawn = {draw_from_a_part(scale, draws), draws.parts};
    sum += static_cast<std::uint64_t>(drawn.length);
  }
  auto at = static_cast<std::int64_t>(next_random(draws.random) % sum);
  const auto* here = intervals;
  for (; at >= here->length; ++here) {
    at -= here->length;
  }
  draws.parts = here->parts;
}

}  // namespace

double natural_log(double x) noexcept {
  constexpr double ln2 = 0.693147180559945309417;
  std::uint64_t bits = 0;
  memcpy(&bits, &x, sizeof bits);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  bits = (bits & 0xfffffffffffffU) | std::uint64_t{1023} << 52;
  double mantissa = 0;
  memcpy(&mantissa, &bits, sizeof mantissa);
  if (mantissa > 1.4142135623730951) {
    mantissa *= 0.5;
    ++exponent;
  }
  // 2 artanh((m - 1) / (m + 1)), with |z| < 0.172.
  const double z = (mantissa - 1) / (mantissa + 1);
  const double z2 = z * z;
  double series = 0;
  for (int n = 13; n >= 1; n -= 2) {
    series = series * z2 + 1.0 / n;
  }
  return exponent * ln2 + 2 * z * series;
}

double chance_of(double x) noexcept {
  if (x > 40) {
    return 1;
  }
  // 1 - exp(-x / 2^n) by its series, then doubled n times: 1 - (1 - c)^2 = c * (2 - c).
  int doublings = 0;
  while (x > 0.5) {
    x *= 0.5;
    ++doublings;
  }
  double series = 1;
  for (int n = 12; n >= 2; --n) {
    series = 1 - x / n * series;
  }
  double chance = x * series;
  for (; doublings > 0; --doublings) {
    chance *= 2 - chance;
  }
  return chance;
}

double weight_of(std::uint64_t size, std::uint64_t interval) noexcept {
  return size == 0 || interval <= 1
             ? 1
             : 1 / chance_of(static_cast<double>(size) / static_cast<double>(interval));
}

std::uint64_t next_random(std::uint64_t& state) noexcept {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 0x2545f4914f6cdd1dU;
}

std::int64_t draw_interval(std::uint64_t interval, Draws& draws) noexcept {
  if (interval <= 1) {
    return 0;
  }
  if (draws.stage == Draws::Stage::nothing_drawn) {
    draws.stage = Draws::Stage::first_drawn;
    return exponential(interval, fraction(next_random(draws.random)));
  }
  if (draws.stage == Draws::Stage::first_drawn) {
    draws.stage = Draws::Stage::placed;
    place(draws);
  }
  return draw_from_a_part(interval, draws);
}

}  // namespace heapwatch::memtrack
