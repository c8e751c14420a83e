#include "symbols/dwarf_places.h"

#include <dwarf.h>

#include <utility>

namespace heapwatch::symbols {

Frame DwarfPlaces::place_of(Dwarf_Die& unit, std::uint64_t address) {
  const Libdw& lib = session_.lib();
  session_.count_lines(unit);
  Frame place;
  Dwarf_Line* const line = lib.getsrc_die(&unit, address);
  if (line != nullptr) {
    int number = 0;
    place.file = path_of(unit, limited(lib.linesrc(line, nullptr, nullptr)));
    place.line = lib.lineno(line, &number) == 0 ? number : 0;
    place.column = lib.linecol(line, &number) == 0 ? number : 0;
  }
  return place;
}

/// A relative name begins where the compiler ran. `<built-in>` and its like are no names.
std::string DwarfPlaces::path_of(Dwarf_Die& unit, std::string file) {
  const Libdw& lib = session_.lib();
  Dwarf_Attribute found;
  if (file.empty() || file.front() == '/' || file.front() == '<' ||
      lib.attr(&unit, DW_AT_comp_dir, &found) == nullptr) {
    return file;
  }
  const std::string folder = limited(lib.formstring(&found));
  return folder.starts_with('/') ? folder + "/" + file : file;
}

Frame DwarfPlaces::call_of(Dwarf_Die& unit, Dwarf_Die& tree, Dwarf_Die& inlined) {
  const Libdw& lib = session_.lib();
  Frame place;
  place.line = number(inlined, DW_AT_call_line);
  place.column = number(inlined, DW_AT_call_column);
  const auto file = static_cast<std::size_t>(number(inlined, DW_AT_call_file));
  Dwarf_Files* files = nullptr;
  std::size_t count = 0;
  if ((lib.getsrcfiles(&tree, &files, &count) == 0 ||
       lib.getsrcfiles(&unit, &files, &count) == 0) &&
      file < count) {
    place.file = path_of(unit, limited(lib.filesrc(files, file, nullptr, nullptr)));
  }
  return place;
}

std::int64_t DwarfPlaces::number(Dwarf_Die& die, unsigned attribute) {
  const Libdw& lib = session_.lib();
  Dwarf_Attribute found;
  Dwarf_Word value = 0;
  if (lib.attr(&die, attribute, &found) == nullptr || lib.formudata(&found, &value) != 0 ||
      value > 0x7fffffff) {
    return 0;
  }
  return static_cast<std::int64_t>(value);
}

void DwarfPlaces::name(Frame& frame, Dwarf_Die& die) {
  const Libdw& lib = session_.lib();
  Dwarf_Attribute found;
  for (const unsigned attribute : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
    if (lib.attr_integrate(&die, attribute, &found) != nullptr) {
      frame.system_name = limited(lib.formstring(&found));
      break;
    }
  }
  if (frame.system_name.empty()) {
    frame.function = limited(lib.diename(&die));
  }
  int line = 0;
  if (lib.decl_line(&die, &line) == 0) {
    frame.start_line = line;
  }
}

}  // namespace heapwatch::symbols
