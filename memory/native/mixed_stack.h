// One stack of the native frames and the interpreter's frames of a sample.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace heapwatch::memory::native {

/// Code that an interpreter ran, and where in it.
struct InterpretedFrame {
  std::string name;
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t first_line = 0;  // of the function

  friend bool operator==(const InterpretedFrame&, const InterpretedFrame&) = default;
};

/// In a stack, a frame of an interpreter stands as its number among those of the heap, with a bit
/// that no address has.
constexpr std::uintptr_t interpreted_bit = std::uintptr_t{1} << 63;
constexpr bool is_interpreted(std::uintptr_t frame) {
  return (frame & interpreted_bit) != 0;
}
constexpr std::size_t interpreted_number(std::uintptr_t frame) {
  return frame & ~interpreted_bit;
}

/// A piece of address space.
struct AddressRange {
  std::uintptr_t start = 0;
  std::uintptr_t limit = 0;

  /// Whether a call that returns to the address was made from here.
  [[nodiscard]] bool has_call(std::uintptr_t return_address) const {
    return return_address - 1 - start < limit - start;
  }

  friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

/// What is known of a stack before its parts are put together.
struct StackParts {
  struct Frame {
    std::uintptr_t frame = 0;  // with interpreted_bit
    bool is_entry = false;     // a call of the interpreter's loop began with it
  };
  std::vector<std::uintptr_t> native;  // return addresses, innermost first
  bool native_is_cut = false;          // the outermost are missing
  std::vector<Frame> interpreted;      // innermost first
};

/// Which native frames are the interpreter's.
struct InterpreterCode {
  AddressRange loop;                   // the function that runs code
  std::vector<AddressRange> plumbing;  // what readers do not want to see beside code that it runs
  std::uintptr_t marker = 0;  // the frame that joins parts of which it is not known how they meet

  friend bool operator==(const InterpreterCode&, const InterpreterCode&) = default;
};

/// Each call of the interpreter's loop is replaced by the frames that it runs, and plumbing is left
/// out. From the outermost on: the loop may allocate before its own frame is there, so the
/// innermost may be without one. Nothing of the interpreter's frames is dropped: those without a
/// call of the loop follow a marker.
[[nodiscard]] std::vector<std::uintptr_t> mixed_stack(const StackParts& parts,
                                                      const InterpreterCode& code);

}  // namespace heapwatch::memory::native
