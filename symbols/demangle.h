// Names as the linker knows them to names as people read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace heapwatch::symbols {

enum class Demangle : std::uint8_t {
  none,       // as the linker has them
  simple,     // without parameters and template arguments
  templates,  // without parameters
  full,
};

/// The name in C++ or Rust; the name itself where it is of neither. Names of more than 8192 bytes
/// stay as they are, since they can be made to keep a demangler busy.
[[nodiscard]] std::string demangled(const std::string& name, Demangle style = Demangle::full);

/// A demangled name of C++ without what a style leaves out: its parameters, what it returns, and
/// its template arguments.
[[nodiscard]] std::string shortened(std::string_view name, Demangle style);

/// Rust's own scheme (`_R...`); nothing for a name of another.
[[nodiscard]] std::optional<std::string> demangled_rust(std::string_view name);
/// Rust's older scheme, which is C++'s with escapes and a hash at the end; nothing for another.
[[nodiscard]] std::optional<std::string> demangled_legacy_rust(std::string_view name);

}  // namespace heapwatch::symbols
