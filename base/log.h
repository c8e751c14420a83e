// The front of the program's log, so that no other folder knows which library writes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace heapwatch::base {

/// The Agent's levels, in its order.
enum class LogLevel : std::uint8_t { trace, debug, info, warn, error, critical, off };

/// "info" and the other names above, in any case; also "warning".
[[nodiscard]] std::optional<LogLevel> parse_log_level(std::string_view name);

inline constexpr std::size_t log_message_bytes_max = std::size_t{16} * 1024;

/// Lines go to standard error as `2026-01-31 12:00:00 UTC | WARN | message`.
///
/// A message of more than `log_message_bytes_max` bytes is cut.
///
/// Threads: all three may be called from any thread.
/// Secrets: a message must not carry any; the caller says what it means without them.
void log(LogLevel level, std::string_view message);
void set_log_level(LogLevel level);
[[nodiscard]] LogLevel log_level();

}  // namespace heapwatch::base
