// DWARF describes a program as trees of entries, one for each compilation unit. An address is
// looked up in three tables that are made here as far as they are needed: the units by address,
// made once of what each unit says of its ranges (.debug_aranges would say it too, but clang does
// not write it); the functions of a unit by address, made when an address is first asked of it; and
// what was inlined into a function, in the order of the tree, so that one pass over it gives the
// chain of inlined calls. The line of the innermost call comes from the unit's table of lines, the
// line of each other one from where the next was inlined.
//
// A unit may be split: what is in the program then names a file (`.dwo`) that has its tree, beside
// the program or where it was compiled, and has the ranges and the lines itself. Such files may be
// packed into one (dwarf_package.cpp). Without the file functions have the names of symbol tables.
//
// The files come from others. Counts of entries bound the time; what libdw keeps is bounded by
// forgetting all of it from time to time. A table of lines can take some fifty times its bytes.
#include "symbols/dwarf.h"

#include <elf.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>

#include "symbols/dwarf_package.h"
#include "symbols/dwarf_places.h"
#include "symbols/dwarf_session.h"
#include "symbols/dwarf_units.h"
#include "symbols/libdw.h"

namespace heapwatch::symbols {

using base::ErrorKind;
using base::fail;
using base::Result;

class DwarfLines::Reader {
 public:
  Reader(const Libdw& lib, const ElfFile& elf, const DwarfLimits& limits)
      : package_(DwarfPackage::open(elf, limits).value_or(nullptr)),
        session_(lib, elf, limits),
        units_(session_, package_.get()),
        places_(session_) {}

  Result<void> begin(const ElfFile& elf) {
    if (package_ != nullptr) {
      (void)session_.copy_sections(elf);  // otherwise it is read as if there were no package
    }
    if (!session_.reopen()) {
      return fail(ErrorKind::invalid, "DWARF that cannot be read");
    }
    units_.index();
    return {};
  }

  std::vector<Frame> frames(std::uint64_t address) {
    DwarfUnit* const unit = units_.unit_at(address);
    if (unit == nullptr || (session_.keeps_too_much() && !session_.reopen())) {
      return {};
    }
    Dwarf_Die unit_die;
    if (session_.dwarf() == nullptr ||
        session_.lib().offdie(session_.dwarf(), unit->entry, &unit_die) == nullptr) {
      return {};
    }
    Dwarf_Die tree = units_.tree_of(*unit, unit_die);
    if (DwarfFunction* const function = units_.function_at(*unit, tree, address);
        function != nullptr) {
      return frames_in(unit_die, tree, *function, address);
    }
    // Code that an assembler made has lines, but no functions.
    Frame place = places_.place_of(unit_die, address);
    return place.line == 0 ? std::vector<Frame>() : std::vector<Frame>{std::move(place)};
  }

  [[nodiscard]] std::size_t bytes() const { return session_.bytes(); }

 private:
  std::vector<Frame> frames_in(Dwarf_Die& unit, Dwarf_Die& tree, DwarfFunction& function,
                               std::uint64_t address) {
    const Libdw& lib = session_.lib();
    Dwarf_Die die;
    ::Dwarf* const dwarf = lib.cu_getdwarf(tree.cu);
    if (lib.offdie(dwarf, function.entry, &die) == nullptr) {
      return {};
    }
    const std::vector<DwarfInlinedCall>& inlined = units_.inlined_into(function, die);
    std::vector<std::uint64_t> chain = {function.entry};
    std::size_t innermost = 0;
    for (std::size_t i = 0; i < inlined.size(); ++i) {
      const DwarfInlinedCall& call = inlined[i];
      const bool is_here = call.parent == innermost &&
                           std::any_of(call.ranges.begin(), call.ranges.end(), [&](const auto& it) {
                             return address >= it.first && address < it.second;
                           });
      if (is_here) {
        chain.push_back(call.entry);
        innermost = i + 1;
      }
    }
    std::vector<Frame> frames;
    Frame place = places_.place_of(unit, address);
    for (std::size_t i = chain.size(); i-- > 0;) {
      if (lib.offdie(dwarf, chain[i], &die) == nullptr) {
        return {};
      }
      Frame frame = std::exchange(place, Frame{});
      frame.is_inlined = i != 0;
      places_.name(frame, die);
      if (i == 0) {
        frame.offset = address >= function.start ? address - function.start : 0;
      } else {
        place = places_.call_of(unit, tree, die);
      }
      frames.push_back(std::move(frame));
    }
    return frames;
  }

  std::unique_ptr<DwarfPackage> package_;
  DwarfSession session_;
  DwarfUnits units_;
  DwarfPlaces places_;
};

namespace {

/// The bytes of a section once it is unpacked.
std::uint64_t unpacked_bytes(const ElfFile& elf, const Section& section) {
  if ((section.flags & SHF_COMPRESSED) == 0) {
    return section.bytes;
  }
  Section head = section;
  head.bytes = sizeof(Elf64_Chdr);
  const auto bytes = elf.read(head, sizeof(Elf64_Chdr));
  if (!bytes || section.bytes < sizeof(Elf64_Chdr)) {
    return ~std::uint64_t{0};
  }
  Elf64_Chdr header;
  std::memcpy(&header, bytes->data(), sizeof header);
  return header.ch_size;
}

Result<void> check_sections(const ElfFile& elf, const DwarfLimits& limits) {
  std::uint64_t total = 0;
  bool has_information = false;
  for (const Section& section : elf.sections()) {
    if (!section.name.starts_with(".debug_") || section.type == SHT_NOBITS) {
      continue;
    }
    has_information = has_information || section.name == ".debug_info";
    const std::uint64_t bytes = unpacked_bytes(elf, section);
    if (bytes > limits.sections_bytes_max - std::min(total, limits.sections_bytes_max)) {
      return fail(ErrorKind::limit,
                  "more than " + std::to_string(limits.sections_bytes_max) + " bytes of DWARF");
    }
    total += bytes;
  }
  if (!has_information) {
    return fail(ErrorKind::not_found, "no DWARF");
  }
  return {};
}

/// What the file shares with others lies in a file that libdw opens by itself: what is no regular
/// file could keep it waiting.
Result<void> check_shared_file(const ElfFile& elf) {
  constexpr std::size_t link_bytes_max = 8192;
  const Section* const section = elf.find(".gnu_debugaltlink");
  const auto link =
      section == nullptr ? std::string() : elf.read(*section, link_bytes_max).value_or("");
  const std::filesystem::path name = link.substr(0, link.find('\0'));
  struct stat status {};
  const auto path = std::filesystem::path(elf.path()).parent_path() / name;
  if (!name.empty() && stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    return fail(ErrorKind::invalid, path.string() + ": not a regular file");
  }
  return {};
}

}  // namespace

DwarfLines::DwarfLines(std::unique_ptr<Reader> reader) : reader_(std::move(reader)) {}
DwarfLines::~DwarfLines() = default;

Result<std::unique_ptr<DwarfLines>> DwarfLines::open(const ElfFile& elf,
                                                     const DwarfLimits& limits) {
  if (auto checked = check_sections(elf, limits); !checked) {
    return tl::unexpected(checked.error());
  }
  if (auto checked = check_shared_file(elf); !checked) {
    return tl::unexpected(checked.error());
  }
  const auto lib = Libdw::open();
  if (!lib) {
    return tl::unexpected(lib.error());
  }
  auto reader = std::make_unique<Reader>(**lib, elf, limits);
  if (auto begun = reader->begin(elf); !begun) {
    return tl::unexpected(begun.error());
  }
  return std::unique_ptr<DwarfLines>(new DwarfLines(std::move(reader)));
}

std::vector<Frame> DwarfLines::frames(std::uint64_t address) {
  return reader_->frames(address);
}

std::size_t DwarfLines::bytes() const {
  return reader_->bytes();
}

}  // namespace heapwatch::symbols
