// What the seccomp filters of a thread would say to the system calls of an attach. Pure.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace heapwatch::attach {

using Filter = std::vector<sock_filter>;
inline constexpr std::size_t filters_max = 256;
inline constexpr std::size_t instructions_max = 4096;

/// What the filters are asked.
struct AskedCall {
  std::string_view name;
  std::uint32_t number = 0;
  std::uint64_t arguments[6] = {};
};

/// The action of one filter; none when it is none that the kernel would have taken.
[[nodiscard]] std::optional<std::uint32_t> run_filter(std::span<const sock_filter> filter,
                                                      const AskedCall& call,
                                                      std::uint64_t instruction);

/// The first system call of an attach, or of the library at work, that one of the filters does not
/// let through as it is. `instruction`: an address from which the calls come.
[[nodiscard]] std::optional<std::string_view> first_forbidden(std::span<const Filter> filters,
                                                              std::uint64_t instruction);

}  // namespace heapwatch::attach
