#include "memory/readers.h"

#include <array>

#include "memory/files/files.h"
#include "memory/mappings/mappings.h"
#include "memory/stacks/stacks.h"

namespace heapwatch::memory {

namespace {

/// The first to claim a byte keeps it: those that know for sure come first, those that go by a
/// mapping's name or by what is left come last.
constexpr std::array table{
    Reader{"stacks", stacks::find},
    Reader{"bss", files::find_bss},
    Reader{"shared", mappings::find_shared},
    Reader{"kernel", mappings::find_kernel},
    Reader{"files", files::find},
    Reader{"named", mappings::find_named},
    Reader{"loader", files::find_loader},
    Reader{"code", mappings::find_code},
};

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
