// How to step out of a function: the row of its call frame information, and the few shapes of it
// that matter on x86-64. Source: System V ABI AMD64 (DWARF register numbers), DWARF 4 section 6.4,
// LSB .eh_frame and .eh_frame_hdr.
#pragma once

#include <cstdint>

namespace heapwatch::memtrack {

struct FrameRule {
  enum class Kind : std::uint8_t {
    unknown,     // no call frame information, or a shape not known here: try the frame pointer
    outermost,   // nobody called this function
    call_frame,  // the rest of the fields says it
  };
  enum class Saved : std::uint8_t { same, at_cfa, at_rbp };  // where the caller's rbp is

  Kind kind = Kind::unknown;
  bool cfa_from_rbp = false;  // else from rsp
  bool cfa_deref = false;     // the CFA is what stands at register + offset (realigned stacks)
  Saved saved_rbp = Saved::same;
  std::int32_t cfa_offset = 0;
  std::int32_t rbp_offset = 0;
};

/// The rule for an address inside the code of a loaded object. The caller's address is always at
/// CFA - 8.
[[nodiscard]] FrameRule find_frame_rule(std::uintptr_t address) noexcept;

}  // namespace heapwatch::memtrack
