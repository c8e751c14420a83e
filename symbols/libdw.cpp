#include "symbols/libdw.h"

#include <dlfcn.h>

namespace heapwatch::symbols {

namespace {

template <typename Function>
bool find(void* library, const char* name, Function& to) {
  to = reinterpret_cast<Function>(dlsym(library, name));
  return to != nullptr;
}

base::Result<Libdw> load() {
  void* const dw = dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
  void* const elf = dw == nullptr ? nullptr : dlopen("libelf.so.1", RTLD_NOW | RTLD_LOCAL);
  if (elf == nullptr) {
    return base::fail(base::ErrorKind::not_found,
                      "files and lines of native code need elfutils' libdw, which is not installed "
                      "(apt-get install libdw1)");
  }
  Libdw f;
  const bool has_all =
      find(elf, "elf_version", f.elf_version) && find(elf, "elf_begin", f.elf_begin) &&
      find(elf, "elf_end", f.elf_end) && find(elf, "elf_memory", f.elf_memory) &&
      find(dw, "dwarf_begin_elf", f.begin_elf) && find(dw, "dwarf_end", f.end) &&
      find(dw, "dwarf_get_units", f.get_units) && find(dw, "dwarf_cu_info", f.cu_info) &&
      find(dw, "dwarf_cu_getdwarf", f.cu_getdwarf) && find(dw, "dwarf_offdie", f.offdie) &&
      find(dw, "dwarf_dieoffset", f.dieoffset) && find(dw, "dwarf_child", f.child) &&
      find(dw, "dwarf_siblingof", f.siblingof) && find(dw, "dwarf_tag", f.tag) &&
      find(dw, "dwarf_ranges", f.ranges) && find(dw, "dwarf_attr", f.attr) &&
      find(dw, "dwarf_attr_integrate", f.attr_integrate) &&
      find(dw, "dwarf_formstring", f.formstring) && find(dw, "dwarf_formudata", f.formudata) &&
      find(dw, "dwarf_diename", f.diename) && find(dw, "dwarf_decl_line", f.decl_line) &&
      find(dw, "dwarf_getsrcfiles", f.getsrcfiles) && find(dw, "dwarf_filesrc", f.filesrc) &&
      find(dw, "dwarf_getsrclines", f.getsrclines) && find(dw, "dwarf_getsrc_die", f.getsrc_die) &&
      find(dw, "dwarf_linesrc", f.linesrc) && find(dw, "dwarf_lineno", f.lineno) &&
      find(dw, "dwarf_linecol", f.linecol);
  if (!has_all || f.elf_version(EV_CURRENT) == EV_NONE) {
    return base::fail(base::ErrorKind::not_found, "this libdw is of a version that is not known");
  }
  return f;
}

}  // namespace

base::Result<const Libdw*> Libdw::open() {
  static const base::Result<Libdw> loaded = load();
  if (!loaded) {
    return tl::unexpected(loaded.error());
  }
  return &*loaded;
}

}  // namespace heapwatch::symbols
