// The texts of /proc: pure, for whoever has them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memory/process/facts.h"

namespace heapwatch::memory::process {

inline constexpr std::size_t mappings_max = 262'144;
inline constexpr std::size_t threads_max = 65'536;

/// The mappings of /proc/PID/smaps, or of /proc/PID/maps, which lacks the sizes. Lines that are
/// neither a mapping nor a field are passed over; at most mappings_max.
[[nodiscard]] std::vector<Mapping> parse_smaps(std::string_view text);

/// The value of `Name:` in /proc/PID/status or smaps_rollup; fields in kB come out in bytes.
[[nodiscard]] std::optional<std::uint64_t> status_field(std::string_view text,
                                                        std::string_view name);

/// The fields of /proc/PID/status that Facts keeps.
void read_status(std::string_view text, Facts& facts);

/// What of /proc/PID/stat tells one program from another under the same pid.
struct Identity {
  std::uint64_t start_ticks = 0;
  std::uint64_t code = 0;   // addresses that an exec changes
  std::uint64_t stack = 0;  // 0 where we may not see them
  friend bool operator==(const Identity&, const Identity&) = default;
};
[[nodiscard]] std::optional<Identity> parse_stat(std::string_view text);

/// The stack pointer of /proc/PID/task/TID/syscall; absent when the thread runs.
[[nodiscard]] std::optional<std::uint64_t> parse_syscall(std::string_view text);

/// As /proc writes addresses: lower case, without 0x and leading zeros.
[[nodiscard]] std::string hexadecimal(std::uint64_t value);

/// The parts of a text that end in zero: a command line.
[[nodiscard]] std::vector<std::string> split_zeros(std::string_view text);

}  // namespace heapwatch::memory::process
