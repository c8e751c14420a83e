// elfutils' reader of DWARF, opened when a file with lines is met. Private to this folder.
#pragma once

#include <elfutils/libdw.h>

#include "base/error.h"

namespace heapwatch::symbols {

/// The functions of libdw and libelf that are used, by their own names.
///
/// Most programs that link this folder never meet a file with lines: libdw and what it needs are
/// mapped when one is met, and who has not installed it gets names from symbol tables.
struct Libdw {
  decltype(&::elf_version) elf_version = nullptr;
  decltype(&::elf_begin) elf_begin = nullptr;
  decltype(&::elf_end) elf_end = nullptr;
  decltype(&::elf_memory) elf_memory = nullptr;
  decltype(&::dwarf_begin_elf) begin_elf = nullptr;
  decltype(&::dwarf_end) end = nullptr;
  decltype(&::dwarf_get_units) get_units = nullptr;
  decltype(&::dwarf_cu_info) cu_info = nullptr;
  decltype(&::dwarf_cu_getdwarf) cu_getdwarf = nullptr;
  decltype(&::dwarf_offdie) offdie = nullptr;
  decltype(&::dwarf_dieoffset) dieoffset = nullptr;
  decltype(&::dwarf_child) child = nullptr;
  decltype(&::dwarf_siblingof) siblingof = nullptr;
  decltype(&::dwarf_tag) tag = nullptr;
  decltype(&::dwarf_ranges) ranges = nullptr;
  decltype(&::dwarf_attr) attr = nullptr;
  decltype(&::dwarf_attr_integrate) attr_integrate = nullptr;
  decltype(&::dwarf_formstring) formstring = nullptr;
  decltype(&::dwarf_formudata) formudata = nullptr;
  decltype(&::dwarf_diename) diename = nullptr;
  decltype(&::dwarf_decl_line) decl_line = nullptr;
  decltype(&::dwarf_getsrcfiles) getsrcfiles = nullptr;
  decltype(&::dwarf_filesrc) filesrc = nullptr;
  decltype(&::dwarf_getsrclines) getsrclines = nullptr;
  decltype(&::dwarf_getsrc_die) getsrc_die = nullptr;
  decltype(&::dwarf_linesrc) linesrc = nullptr;
  decltype(&::dwarf_lineno) lineno = nullptr;
  decltype(&::dwarf_linecol) linecol = nullptr;

  /// Errors: not_found, with what to install.
  [[nodiscard]] static base::Result<const Libdw*> open();
};

}  // namespace heapwatch::symbols
