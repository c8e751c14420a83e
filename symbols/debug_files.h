// Where the symbols and lines of a stripped file lie.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "symbols/elf_file.h"

namespace heapwatch::symbols {

/// The path of a file that has the debugging information of a build id; empty: there is none.
using FindDebugFile = std::function<std::string(const std::string& build_id)>;

/// The first file that belongs to `elf`, of
///   FOLDER/.build-id/ab/cdef.debug and FOLDER/ab/cdef.debug, by its build id,
///   the name in its `.gnu_debuglink` beside it, in `.debug` beside it, and in FOLDER/its folder,
///   FOLDER/its path.debug,
///   what `find` says.
/// A file belongs to another by its build id, or by the checksum that the link names where one has
/// no build id. Nothing: there is none.
[[nodiscard]] std::vector<ElfFile> find_debug_file(const ElfFile& elf,
                                                   const std::vector<std::string>& folders,
                                                   const FindDebugFile& find);

}  // namespace heapwatch::symbols
