// The arithmetic of sampling, without the mathematical library.
#pragma once

#include <cstdint>

namespace heapwatch::memtrack {

/// Natural logarithm of a positive normal number; relative error below 1e-9.
[[nodiscard]] double natural_log(double x) noexcept;

/// 1 - exp(-x) for x >= 0: the chance that a block of x sample intervals is sampled. Relative error
/// below 1e-9.
[[nodiscard]] double chance_of(double x) noexcept;

/// The next pseudo-random number; the state must not be 0 (xorshift64*).
[[nodiscard]] std::uint64_t next_random(std::uint64_t& state) noexcept;

/// How many blocks of the size a sampled one stands for.
[[nodiscard]] double weight_of(std::uint64_t size, std::uint64_t interval) noexcept;

/// Bytes until the next sample: exponentially distributed with the interval as its mean, at
/// least 1. An interval of 1 leaves nothing to chance: 0, for the next block, be it empty.
[[nodiscard]] std::int64_t draw_interval(std::uint64_t interval, std::uint64_t& state) noexcept;

}  // namespace heapwatch::memtrack
