// Names, files and lines of entries. Private to this folder.
#pragma once

#include <cstdint>
#include <string>

#include "symbols/dwarf_session.h"
#include "symbols/frame.h"

namespace heapwatch::symbols {

class DwarfPlaces {
 public:
  explicit DwarfPlaces(DwarfSession& session) : session_(session) {}

  /// File and line of the instruction.
  [[nodiscard]] Frame place_of(Dwarf_Die& unit, std::uint64_t address);
  /// File and line of the call that was replaced by an inlined function.
  [[nodiscard]] Frame call_of(Dwarf_Die& unit, Dwarf_Die& tree, Dwarf_Die& inlined);
  /// The names of a function, and where it begins.
  void name(Frame& frame, Dwarf_Die& die);

 private:
  [[nodiscard]] std::string path_of(Dwarf_Die& unit, std::string file);
  [[nodiscard]] std::int64_t number(Dwarf_Die& die, unsigned attribute);

  DwarfSession& session_;
};

}  // namespace heapwatch::symbols
