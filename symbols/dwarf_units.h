// The compilation units of a file and the functions in them, by address. Private to this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "symbols/dwarf_package.h"
#include "symbols/dwarf_session.h"

namespace heapwatch::symbols {

struct DwarfInlinedCall {
  std::uint64_t entry = 0;
  std::size_t parent = 0;  // 1 more than its position; 0: the function itself
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
};

struct DwarfFunction {
  std::uint64_t entry = 0;
  std::uint64_t start = 0;  // of the first range, which is the part that is called
  std::optional<std::vector<DwarfInlinedCall>> inlined;  // in the order of the tree
};

struct DwarfUnit {
  std::uint64_t entry = 0;
  bool is_read = false;
  bool is_read_deep = false;
  enum class Split : std::uint8_t { not_asked, none, there };
  Split split = Split::not_asked;  // into a file that can be opened
  std::size_t linked = 0;  // to its tree in a package, when the session was opened for that time
  std::vector<DwarfFunction> functions;
  std::vector<DwarfRange> ranges;
};

/// Entries are looked up anew each time: what libdw keeps of them may be forgotten in between.
class DwarfUnits {
 public:
  /// `package`: null, when the units of the program are in no package.
  DwarfUnits(DwarfSession& session, const DwarfPackage* package)
      : session_(session), package_(package) {}

  /// Once: all units by address.
  void index();
  /// The unit around an address; null: there is none.
  [[nodiscard]] DwarfUnit* unit_at(std::uint64_t address);
  /// The entry of a unit that has its functions: in the file that it names where it is split.
  [[nodiscard]] Dwarf_Die tree_of(DwarfUnit& unit, Dwarf_Die& die);
  /// The function around an address; null: there is none.
  [[nodiscard]] DwarfFunction* function_at(DwarfUnit& unit, Dwarf_Die& tree, std::uint64_t address);
  /// What was inlined into a function, in the order of the tree.
  [[nodiscard]] const std::vector<DwarfInlinedCall>& inlined_into(DwarfFunction& function,
                                                                  Dwarf_Die& die);

 private:
  bool may_open_split(Dwarf_Die& die);
  /// Has libdw read the tree of the unit from the package; false when it is not there.
  bool link_packaged(DwarfUnit& unit, Dwarf_Die& die);
  void read_functions(DwarfUnit& unit, Dwarf_Die& die, bool deep);
  void read_functions_below(DwarfUnit& unit, Dwarf_Die& parent, bool deep, std::size_t& left,
                            int depth);
  void read_inlined_below(std::vector<DwarfInlinedCall>& calls, std::size_t parent_call,
                          Dwarf_Die& parent, int depth);

  DwarfSession& session_;
  const DwarfPackage* package_;
  std::vector<DwarfUnit> units_;
  std::vector<DwarfRange> ranges_;
};

}  // namespace heapwatch::symbols
