#include "memory/readers.h"

#include <array>

#include "memory/files/files.h"
#include "memory/glibc/glibc.h"
#include "memory/golang/golang.h"
#include "memory/jemalloc/jemalloc.h"
#include "memory/mappings/allocators.h"
#include "memory/mappings/mappings.h"
#include "memory/mimalloc/mimalloc.h"
#include "memory/own/own.h"
#include "memory/pymalloc/pymalloc.h"
#include "memory/reach/reach.h"
#include "memory/stacks/stacks.h"

namespace heapwatch::memory {

namespace {

/// The first to claim a byte keeps it: those that know for sure come first, those that go by a
/// mapping's name or by what is left come last.
// clang-format off: a row a line
constexpr std::array table{
    // Those that recognise what is theirs by what it holds.
    Reader{"stacks", stacks::find},
    Reader{"own", own::find},
    Reader{"bss", files::find_bss},
    Reader{"glibc", glibc::find},
    Reader{"pymalloc", pymalloc::find},
    Reader{"jemalloc", jemalloc::find},
    Reader{"mimalloc", mimalloc::find},
    Reader{"go", golang::find},  // whose metadata is looked for in what the others leave
    // Those that go by a mapping's name and place.
    Reader{"shared", mappings::find_shared},
    Reader{"kernel", mappings::find_kernel},
    Reader{"files", files::find},
    Reader{"loader", files::find_loader},
    Reader{"code", mappings::find_code},
    // Those that take what is left.
    Reader{"allocators", mappings::find_allocators},
    Reader{"named", mappings::find_named},
    // Those that look into what was found, and claim nothing.
    Reader{"reach", reach::find},
};
// clang-format on

}  // namespace

std::span<const Reader> readers() {
  return table;
}

Picture picture_of(std::shared_ptr<const process::ProcessView> view, const Options& options) {
  Picture picture(std::move(view));
  for (const Reader& reader : table) {
    picture.take(reader.name, reader.find({picture.view(), picture, options}));
  }
  return picture;
}

}  // namespace heapwatch::memory
