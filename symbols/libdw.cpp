#include "symbols/libdw.h"

#include <dlfcn.h>

#include "symbols/library_function.h"

namespace heapwatch::symbols {

namespace {

base::Result<Libdw> load_libdw() {
  void* const dw = dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
  void* const elf = dw == nullptr ? nullptr : dlopen("libelf.so.1", RTLD_NOW | RTLD_LOCAL);
  if (elf == nullptr) {
    return base::fail(base::ErrorKind::not_found,
                      "files and lines of native code need elfutils' libdw, which is not installed "
                      "(apt-get install libdw1)");
  }
  Libdw f;
  const bool has_all =
      find_function(elf, "elf_version", f.elf_version) &&
      find_function(elf, "elf_begin", f.elf_begin) && find_function(elf, "elf_end", f.elf_end) &&
      find_function(elf, "elf_memory", f.elf_memory) &&
      find_function(dw, "dwarf_begin_elf", f.begin_elf) && find_function(dw, "dwarf_end", f.end) &&
      find_function(dw, "dwarf_get_units", f.get_units) &&
      find_function(dw, "dwarf_cu_info", f.cu_info) &&
      find_function(dw, "dwarf_cu_getdwarf", f.cu_getdwarf) &&
      find_function(dw, "dwarf_offdie", f.offdie) &&
      find_function(dw, "dwarf_dieoffset", f.dieoffset) &&
      find_function(dw, "dwarf_child", f.child) &&
      find_function(dw, "dwarf_siblingof", f.siblingof) && find_function(dw, "dwarf_tag", f.tag) &&
      find_function(dw, "dwarf_ranges", f.ranges) && find_function(dw, "dwarf_attr", f.attr) &&
      find_function(dw, "dwarf_attr_integrate", f.attr_integrate) &&
      find_function(dw, "dwarf_formstring", f.formstring) &&
      find_function(dw, "dwarf_formudata", f.formudata) &&
      find_function(dw, "dwarf_diename", f.diename) &&
      find_function(dw, "dwarf_decl_line", f.decl_line) &&
      find_function(dw, "dwarf_getsrcfiles", f.getsrcfiles) &&
      find_function(dw, "dwarf_filesrc", f.filesrc) &&
      find_function(dw, "dwarf_getsrclines", f.getsrclines) &&
      find_function(dw, "dwarf_getsrc_die", f.getsrc_die) &&
      find_function(dw, "dwarf_linesrc", f.linesrc) &&
      find_function(dw, "dwarf_lineno", f.lineno) && find_function(dw, "dwarf_linecol", f.linecol);
  if (!has_all || f.elf_version(EV_CURRENT) == EV_NONE) {
    return base::fail(base::ErrorKind::not_found, "this libdw is of a version that is not known");
  }
  return f;
}

}  // namespace

base::Result<const Libdw*> Libdw::open() {
  static const base::Result<Libdw> loaded = load_libdw();
  if (!loaded) {
    return tl::unexpected(loaded.error());
  }
  return &*loaded;
}

}  // namespace heapwatch::symbols
