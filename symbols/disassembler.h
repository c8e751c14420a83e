// The instructions of machine code as text, by capstone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace heapwatch::symbols {

struct Instruction {
  std::uint64_t address = 0;
  std::size_t bytes = 0;
  std::string text{};
};

/// The code of a function, and what it is.
struct Code {
  std::string_view bytes;
  std::uint64_t start = 0;    // the address of the first byte
  std::uint16_t machine = 0;  // as ELF numbers them
  bool intel_syntax = false;  // else that of AT&T
};

/// The instructions of `code`. Bytes that are none stand as `.byte`. `name_of` gives a name for an
/// address to which an instruction leads; empty: none.
///
/// capstone is opened when this is called for the first time.
/// Errors: not_found, with what to install; invalid for a machine that is not read here.
[[nodiscard]] base::Result<std::vector<Instruction>> disassembled(
    const Code& code, const std::function<std::string(std::uint64_t)>& name_of);

}  // namespace heapwatch::symbols
