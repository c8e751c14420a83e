// What a function that can fail returns.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace heapwatch::base {

/// The kinds of failure that a caller tells apart.
enum class ErrorKind : std::uint8_t {
  invalid,      // the input is wrong and stays wrong: a page, a file, an option
  not_found,    // the thing named is not there
  unreachable,  // the other side did not take the connection, or closed it
  timeout,      // the other side was too slow
  refused,      // the other side answered, and said no (an HTTP status, a TLS alert)
  limit,        // a named limit of ours was reached
  io,           // the operating system failed a call
};

/// Messages are lower case without a full stop, and name the value and the place.
struct Error {
  ErrorKind kind = ErrorKind::invalid;
  std::string message;

  friend bool operator==(const Error&, const Error&) = default;
};

template <typename T>
using Result = tl::expected<T, Error>;

/// `return fail(ErrorKind::invalid, "...")` in any function that returns a Result.
[[nodiscard]] inline tl::unexpected<Error> fail(ErrorKind kind, std::string message) {
  return tl::unexpected<Error>(Error{kind, std::move(message)});
}

}  // namespace heapwatch::base
