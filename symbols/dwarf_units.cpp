#include "symbols/dwarf_units.h"

#include <dwarf.h>
#include <sys/stat.h>

#include <filesystem>
#include <utility>

namespace heapwatch::symbols {

namespace {

constexpr int tree_depth_max = 200;

bool is_container(int tag) {
  return tag == DW_TAG_namespace || tag == DW_TAG_module || tag == DW_TAG_class_type ||
         tag == DW_TAG_structure_type || tag == DW_TAG_union_type || tag == DW_TAG_enumeration_type;
}

}  // namespace

void DwarfUnits::index() {
  const Libdw& lib = session_.lib();
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die;
  while (session_.dwarf() != nullptr && session_.count() &&
         lib.get_units(session_.dwarf(), unit, &unit, nullptr, nullptr, &die, nullptr) == 0) {
    if (const int tag = lib.tag(&die); tag != DW_TAG_compile_unit && tag != DW_TAG_skeleton_unit) {
      continue;
    }
    const std::size_t index = units_.size();
    units_.emplace_back().entry = lib.dieoffset(&die);
    session_.each_range(die, [&](std::uint64_t start, std::uint64_t limit) {
      ranges_.push_back({start, limit, units_.back().entry, index});
    });
  }
  sort(ranges_);
  session_.count_table(units_.size() * sizeof(DwarfUnit));
}

DwarfUnit* DwarfUnits::unit_at(std::uint64_t address) {
  const DwarfRange* const range = find(ranges_, address);
  return range == nullptr ? nullptr : &units_[range->index];
}

Dwarf_Die DwarfUnits::tree_of(DwarfUnit& unit, Dwarf_Die& die) {
  const Libdw& lib = session_.lib();
  Dwarf_Die split{};
  if (link_packaged(unit, die)) {
    unit.split = DwarfUnit::Split::there;
  }
  if (unit.split == DwarfUnit::Split::not_asked) {
    unit.split = may_open_split(die) ? DwarfUnit::Split::there : DwarfUnit::Split::none;
  }
  const bool has_split =
      unit.split == DwarfUnit::Split::there &&
      lib.cu_info(die.cu, nullptr, nullptr, nullptr, &split, nullptr, nullptr, nullptr) == 0 &&
      split.addr != nullptr;
  return has_split ? split : die;
}

bool DwarfUnits::link_packaged(DwarfUnit& unit, Dwarf_Die& die) {
  if (package_ == nullptr || unit.split == DwarfUnit::Split::none) {
    return false;
  }
  if (unit.linked == session_.openings()) {
    return true;
  }
  const Libdw& lib = session_.lib();
  std::uint64_t id = 0;
  Dwarf_Attribute name;
  Dwarf_Die split{};
  if ((lib.attr(&die, DW_AT_dwo_name, &name) == nullptr &&
       lib.attr(&die, DW_AT_GNU_dwo_name, &name) == nullptr) ||
      lib.cu_info(die.cu, nullptr, nullptr, nullptr, nullptr, &id, nullptr, nullptr) != 0) {
    return false;
  }
  const base::Descriptor file = package_->unit_file(id);
  // While the file is open: libdw reads all of it at once.
  if (file.get() < 0 || !session_.name_split_file(die, name, file) ||
      lib.cu_info(die.cu, nullptr, nullptr, nullptr, &split, nullptr, nullptr, nullptr) != 0 ||
      split.addr == nullptr) {
    return false;
  }
  unit.linked = session_.openings();
  return true;
}

/// libdw opens what the file names: what is no regular file could keep it waiting.
bool DwarfUnits::may_open_split(Dwarf_Die& die) {
  const Libdw& lib = session_.lib();
  Dwarf_Attribute found;
  if (lib.attr(&die, DW_AT_dwo_name, &found) == nullptr &&
      lib.attr(&die, DW_AT_GNU_dwo_name, &found) == nullptr) {
    return false;
  }
  const std::filesystem::path name = limited(lib.formstring(&found));
  const std::filesystem::path compiled_in =
      lib.attr(&die, DW_AT_comp_dir, &found) == nullptr ? "" : limited(lib.formstring(&found));
  for (const auto& path : {session_.folder() / name, session_.folder() / compiled_in / name}) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) {
      continue;
    }
    if (!S_ISREG(status.st_mode) ||
        !session_.count_file(static_cast<std::uint64_t>(status.st_size))) {
      return false;
    }
  }
  return true;
}

DwarfFunction* DwarfUnits::function_at(DwarfUnit& unit, Dwarf_Die& tree, std::uint64_t address) {
  read_functions(unit, tree, false);
  const DwarfRange* found = find(unit.ranges, address);
  if (found == nullptr) {
    read_functions(unit, tree, true);
    found = find(unit.ranges, address);
  }
  return found == nullptr ? nullptr : &unit.functions[found->index];
}

const std::vector<DwarfInlinedCall>& DwarfUnits::inlined_into(DwarfFunction& function,
                                                              Dwarf_Die& die) {
  if (!function.inlined) {
    function.inlined.emplace();
    read_inlined_below(*function.inlined, 0, die, 0);
  }
  return *function.inlined;
}

/// The functions of a unit. Deep: those within functions, too, where few compilers put any.
void DwarfUnits::read_functions(DwarfUnit& unit, Dwarf_Die& die, bool deep) {
  if (unit.is_read_deep || (unit.is_read && !deep)) {
    return;
  }
  unit.is_read = true;
  unit.is_read_deep = deep;
  unit.functions.clear();
  unit.ranges.clear();
  std::size_t left = session_.limits().unit_entries_max;
  read_functions_below(unit, die, deep, left, 0);
  sort(unit.ranges);
  session_.count_table(unit.functions.size() * sizeof(DwarfFunction));
}

void DwarfUnits::read_functions_below(DwarfUnit& unit, Dwarf_Die& parent, bool deep,
                                      std::size_t& left, int depth) {
  const Libdw& lib = session_.lib();
  Dwarf_Die die;
  if (depth > tree_depth_max || lib.child(&parent, &die) != 0) {
    return;
  }
  do {
    if (left == 0 || !session_.count()) {
      return;
    }
    --left;
    const int tag = lib.tag(&die);
    if (tag == DW_TAG_subprogram) {
      const std::size_t index = unit.functions.size();
      const std::uint64_t entry = lib.dieoffset(&die);
      const std::size_t before = unit.ranges.size();
      session_.each_range(die, [&](std::uint64_t start, std::uint64_t limit) {
        unit.ranges.push_back({start, limit, entry, index});
      });
      if (unit.ranges.size() != before) {
        unit.functions.push_back({entry, unit.ranges[before].start, std::nullopt});
      }
    }
    if (is_container(tag) || (deep && (tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block))) {
      read_functions_below(unit, die, deep, left, depth + 1);
    }
  } while (lib.siblingof(&die, &die) == 0);
}

void DwarfUnits::read_inlined_below(std::vector<DwarfInlinedCall>& calls, std::size_t parent_call,
                                    Dwarf_Die& parent, int depth) {
  const Libdw& lib = session_.lib();
  Dwarf_Die die;
  if (depth > tree_depth_max || lib.child(&parent, &die) != 0) {
    return;
  }
  do {
    if (!session_.count() || calls.size() > session_.limits().unit_entries_max) {
      return;
    }
    const int tag = lib.tag(&die);
    if (tag == DW_TAG_inlined_subroutine) {
      DwarfInlinedCall call{lib.dieoffset(&die), parent_call, {}};
      session_.each_range(die, [&](std::uint64_t start, std::uint64_t limit) {
        call.ranges.emplace_back(start, limit);
      });
      session_.count_table(sizeof call);
      calls.push_back(std::move(call));
      read_inlined_below(calls, calls.size(), die, depth + 1);
    } else if (tag == DW_TAG_lexical_block) {
      read_inlined_below(calls, parent_call, die, depth + 1);
    }
  } while (lib.siblingof(&die, &die) == 0);
}

}  // namespace heapwatch::symbols
