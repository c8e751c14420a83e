// DWARF describes a program as trees of entries, one for each compilation unit. An address is
// looked up in three tables that are made here as far as they are needed: the units by address,
// made once of what each unit says of its ranges (.debug_aranges would say it too, but clang does
// not write it); the functions of a unit by address, made when an address is first asked of it; and
// what was inlined into a function, in the order of the tree, so that one pass over it gives the
// chain of inlined calls. The line of the innermost call comes from the unit's table of lines, the
// line of each other one from where the next was inlined.
//
// A unit may be split: what is in the program then names a file (`.dwo`) that has its tree, beside
// the program or where it was compiled, and has the ranges and the lines itself. Without that file
// functions have the names of symbol tables.
//
// The files come from others. Counts of entries bound the time; what libdw keeps is bounded by
// forgetting all of it from time to time. A table of lines can take some fifty times its bytes.
#include "symbols/dwarf.h"

#include <dwarf.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include "symbols/libdw.h"

namespace heapwatch::symbols {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr int tree_depth_max = 200;
constexpr std::size_t dwarf_name_bytes_max = std::size_t{64} * 1024;
constexpr std::size_t ranges_max = 1'000'000;  // of one entry

struct Range {
  std::uint64_t start = 0;
  std::uint64_t limit = 0;
  std::uint64_t entry = 0;  // its offset in .debug_info
  std::size_t index = 0;    // of what the range belongs to
};

void sort(std::vector<Range>& ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
    return a.start != b.start ? a.start < b.start : a.limit > b.limit;
  });
}

/// The innermost range around an address, as far as ranges lie in one another.
const Range* find(const std::vector<Range>& ranges, std::uint64_t address) {
  auto after = std::upper_bound(
      ranges.begin(), ranges.end(), address,
      [](std::uint64_t wanted, const Range& range) { return wanted < range.start; });
  constexpr int steps_max = 32;
  for (int step = 0; step < steps_max && after != ranges.begin(); ++step) {
    const Range& range = *--after;
    if (address < range.limit) {
      return &range;
    }
  }
  return nullptr;
}

struct InlinedCall {
  std::uint64_t entry = 0;
  std::size_t parent = 0;  // 1 more than its position; 0: the function itself
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
};

struct FunctionEntry {
  std::uint64_t entry = 0;
  std::uint64_t start = 0;  // of the first range, which is the part that is called
  std::optional<std::vector<InlinedCall>> inlined;  // in the order of the tree
};

struct Unit {
  std::uint64_t entry = 0;
  bool is_read = false;
  bool is_read_deep = false;
  enum class Split : std::uint8_t { not_asked, none, there };
  Split split = Split::not_asked;  // into a file that can be opened
  std::vector<FunctionEntry> functions;
  std::vector<Range> ranges;
};

std::string limited(const char* text) {
  return text == nullptr ? std::string() : std::string(text, strnlen(text, dwarf_name_bytes_max));
}

bool is_container(int tag) {
  return tag == DW_TAG_namespace || tag == DW_TAG_module || tag == DW_TAG_class_type ||
         tag == DW_TAG_structure_type || tag == DW_TAG_union_type || tag == DW_TAG_enumeration_type;
}

}  // namespace

class DwarfLines::Reader {
 public:
  Reader(const Libdw& lib, const ElfFile& elf, const DwarfLimits& limits)
      : lib_(lib),
        file_(fcntl(elf.descriptor(), F_DUPFD_CLOEXEC, 0)),
        folder_(std::filesystem::path(elf.path()).parent_path()),
        limits_(limits) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { close(); }

  Result<void> begin() {
    if (!reopen()) {
      return fail(ErrorKind::invalid, "DWARF that cannot be read");
    }
    index_units();
    return {};
  }

  std::vector<Frame> frames(std::uint64_t address) {
    const Range* const range = find(unit_ranges_, address);
    if (range == nullptr || (kept_ > limits_.kept_max && !reopen())) {
      return {};
    }
    Unit& unit = units_[range->index];
    Dwarf_Die unit_die;
    if (dwarf_ == nullptr || lib_.offdie(dwarf_, unit.entry, &unit_die) == nullptr) {
      return {};
    }
    Dwarf_Die tree = tree_of(unit, unit_die);
    read_functions(unit, tree, false);
    const Range* function = find(unit.ranges, address);
    if (function == nullptr) {
      read_functions(unit, tree, true);
      function = find(unit.ranges, address);
    }
    if (function != nullptr) {
      return frames_in(unit_die, tree, unit.functions[function->index], address);
    }
    // Code that an assembler made has lines, but no functions.
    Frame place = place_of(unit_die, address);
    return place.line == 0 ? std::vector<Frame>() : std::vector<Frame>{std::move(place)};
  }

  [[nodiscard]] std::size_t bytes() const { return table_bytes_ + kept_ * 64; }

 private:
  void close() {
    if (dwarf_ != nullptr) {
      lib_.end(dwarf_);
      dwarf_ = nullptr;
    }
    if (elf_ != nullptr) {
      lib_.elf_end(elf_);
      elf_ = nullptr;
    }
  }

  /// The entry of a unit that has its functions: in the file that it names where it is split.
  Dwarf_Die tree_of(Unit& unit, Dwarf_Die& die) {
    Dwarf_Die split{};
    if (unit.split == Unit::Split::not_asked) {
      unit.split = may_open_split(die) ? Unit::Split::there : Unit::Split::none;
    }
    const bool has_split =
        unit.split == Unit::Split::there &&
        lib_.cu_info(die.cu, nullptr, nullptr, nullptr, &split, nullptr, nullptr, nullptr) == 0 &&
        split.addr != nullptr;
    return has_split ? split : die;
  }

  /// libdw opens what the file names: what is no regular file could keep it waiting.
  bool may_open_split(Dwarf_Die& die) {
    Dwarf_Attribute found;
    if (lib_.attr(&die, DW_AT_dwo_name, &found) == nullptr &&
        lib_.attr(&die, DW_AT_GNU_dwo_name, &found) == nullptr) {
      return false;
    }
    const std::filesystem::path name = limited(lib_.formstring(&found));
    const std::filesystem::path compiled_in =
        lib_.attr(&die, DW_AT_comp_dir, &found) == nullptr ? "" : limited(lib_.formstring(&found));
    for (const auto& path : {folder_ / name, folder_ / compiled_in / name}) {
      struct stat status {};
      if (stat(path.c_str(), &status) != 0) {
        continue;
      }
      const auto bytes = static_cast<std::uint64_t>(status.st_size);
      if (!S_ISREG(status.st_mode) || bytes > limits_.sections_bytes_max - split_bytes_) {
        return false;
      }
      split_bytes_ += bytes;
    }
    return true;
  }

  bool reopen() {
    close();
    kept_ = 0;
    units_with_lines_.clear();
    elf_ = lib_.elf_begin(file_.get(), limits_.is_mapped ? ELF_C_READ_MMAP : ELF_C_READ, nullptr);
    dwarf_ = elf_ == nullptr ? nullptr : lib_.begin_elf(elf_, DWARF_C_READ, nullptr);
    return dwarf_ != nullptr;
  }

  /// Counts an entry that is read. False: no more is to be read.
  bool count() {
    ++kept_;
    return ++entries_ <= limits_.entries_max && table_bytes_ <= limits_.tables_bytes_max;
  }

  template <typename Take>
  void each_range(Dwarf_Die& die, Take take) {
    Dwarf_Addr base = 0;
    Dwarf_Addr start = 0;
    Dwarf_Addr limit = 0;
    std::ptrdiff_t at = 0;
    for (std::size_t i = 0; i < ranges_max; ++i) {
      at = lib_.ranges(&die, at, &base, &start, &limit);
      if (at <= 0 || (i != 0 && !count())) {
        return;
      }
      // What the linker left out has been given an address at either end.
      if (start > 1 && start < limit && limit < ~std::uint64_t{0} - 2) {
        take(start, limit);
        table_bytes_ += sizeof(Range);
      }
    }
  }

  void index_units() {
    Dwarf_CU* unit = nullptr;
    Dwarf_Die die;
    while (dwarf_ != nullptr && count() &&
           lib_.get_units(dwarf_, unit, &unit, nullptr, nullptr, &die, nullptr) == 0) {
      if (const int tag = lib_.tag(&die);
          tag != DW_TAG_compile_unit && tag != DW_TAG_skeleton_unit) {
        continue;
      }
      const std::size_t index = units_.size();
      units_.emplace_back().entry = lib_.dieoffset(&die);
      each_range(die, [&](std::uint64_t start, std::uint64_t limit) {
        unit_ranges_.push_back({start, limit, units_.back().entry, index});
      });
    }
    sort(unit_ranges_);
    table_bytes_ += units_.size() * sizeof(Unit);
  }

  /// The functions of a unit. Deep: those within functions, too, where few compilers put any.
  void read_functions(Unit& unit, Dwarf_Die& die, bool deep) {
    if (unit.is_read_deep || (unit.is_read && !deep)) {
      return;
    }
    unit.is_read = true;
    unit.is_read_deep = deep;
    unit.functions.clear();
    unit.ranges.clear();
    std::size_t left = limits_.unit_entries_max;
    read_functions_below(unit, die, deep, left, 0);
    sort(unit.ranges);
    table_bytes_ += unit.functions.size() * sizeof(FunctionEntry);
  }

  void read_functions_below(Unit& unit, Dwarf_Die& parent, bool deep, std::size_t& left,
                            int depth) {
    Dwarf_Die die;
    if (depth > tree_depth_max || lib_.child(&parent, &die) != 0) {
      return;
    }
    do {
      if (left == 0 || !count()) {
        return;
      }
      --left;
      const int tag = lib_.tag(&die);
      if (tag == DW_TAG_subprogram) {
        const std::size_t index = unit.functions.size();
        const std::uint64_t entry = lib_.dieoffset(&die);
        const std::size_t before = unit.ranges.size();
        each_range(die, [&](std::uint64_t start, std::uint64_t limit) {
          unit.ranges.push_back({start, limit, entry, index});
        });
        if (unit.ranges.size() != before) {
          unit.functions.push_back({entry, unit.ranges[before].start, std::nullopt});
        }
      }
      if (is_container(tag) ||
          (deep && (tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block))) {
        read_functions_below(unit, die, deep, left, depth + 1);
      }
    } while (lib_.siblingof(&die, &die) == 0);
  }

  void read_inlined_below(std::vector<InlinedCall>& calls, std::size_t parent_call,
                          Dwarf_Die& parent, int depth) {
    Dwarf_Die die;
    if (depth > tree_depth_max || lib_.child(&parent, &die) != 0) {
      return;
    }
    do {
      if (!count() || calls.size() > limits_.unit_entries_max) {
        return;
      }
      const int tag = lib_.tag(&die);
      if (tag == DW_TAG_inlined_subroutine) {
        InlinedCall call{lib_.dieoffset(&die), parent_call, {}};
        each_range(die, [&](std::uint64_t start, std::uint64_t limit) {
          call.ranges.emplace_back(start, limit);
        });
        table_bytes_ += sizeof call;
        calls.push_back(std::move(call));
        read_inlined_below(calls, calls.size(), die, depth + 1);
      } else if (tag == DW_TAG_lexical_block) {
        read_inlined_below(calls, parent_call, die, depth + 1);
      }
    } while (lib_.siblingof(&die, &die) == 0);
  }

  std::vector<Frame> frames_in(Dwarf_Die& unit, Dwarf_Die& tree, FunctionEntry& function,
                               std::uint64_t address) {
    Dwarf_Die die;
    ::Dwarf* const dwarf = lib_.cu_getdwarf(tree.cu);
    if (lib_.offdie(dwarf, function.entry, &die) == nullptr) {
      return {};
    }
    if (!function.inlined) {
      function.inlined.emplace();
      read_inlined_below(*function.inlined, 0, die, 0);
    }
    std::vector<std::uint64_t> chain = {function.entry};
    std::size_t innermost = 0;
    for (std::size_t i = 0; i < function.inlined->size(); ++i) {
      const InlinedCall& call = (*function.inlined)[i];
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
    Frame place = place_of(unit, address);
    for (std::size_t i = chain.size(); i-- > 0;) {
      if (lib_.offdie(dwarf, chain[i], &die) == nullptr) {
        return {};
      }
      Frame frame = std::exchange(place, Frame{});
      frame.is_inlined = i != 0;
      name(frame, die);
      if (i == 0) {
        frame.offset = address >= function.start ? address - function.start : 0;
      } else {
        place = call_of(unit, tree, die);
      }
      frames.push_back(std::move(frame));
    }
    return frames;
  }

  /// File and line of the instruction.
  Frame place_of(Dwarf_Die& unit, std::uint64_t address) {
    count_lines(unit);
    Frame place;
    Dwarf_Line* const line = lib_.getsrc_die(&unit, address);
    if (line != nullptr) {
      int number = 0;
      place.file = path_of(unit, limited(lib_.linesrc(line, nullptr, nullptr)));
      place.line = lib_.lineno(line, &number) == 0 ? number : 0;
      place.column = lib_.linecol(line, &number) == 0 ? number : 0;
    }
    return place;
  }

  /// A relative name begins where the compiler ran. `<built-in>` and its like are no names.
  std::string path_of(Dwarf_Die& unit, std::string file) {
    Dwarf_Attribute found;
    if (file.empty() || file.front() == '/' || file.front() == '<' ||
        lib_.attr(&unit, DW_AT_comp_dir, &found) == nullptr) {
      return file;
    }
    const std::string folder = limited(lib_.formstring(&found));
    return folder.starts_with('/') ? folder + "/" + file : file;
  }

  void count_lines(Dwarf_Die& unit) {
    const std::uint64_t entry = lib_.dieoffset(&unit);
    const auto at = std::lower_bound(units_with_lines_.begin(), units_with_lines_.end(), entry);
    if (at != units_with_lines_.end() && *at == entry) {
      return;
    }
    units_with_lines_.insert(at, entry);
    Dwarf_Lines* lines = nullptr;
    std::size_t count = 0;
    if (lib_.getsrclines(&unit, &lines, &count) == 0) {
      kept_ += count;
    }
  }

  /// File and line of the call that was replaced by an inlined function.
  Frame call_of(Dwarf_Die& unit, Dwarf_Die& tree, Dwarf_Die& inlined) {
    Frame place;
    place.line = number(inlined, DW_AT_call_line);
    place.column = number(inlined, DW_AT_call_column);
    const auto file = static_cast<std::size_t>(number(inlined, DW_AT_call_file));
    Dwarf_Files* files = nullptr;
    std::size_t count = 0;
    if ((lib_.getsrcfiles(&tree, &files, &count) == 0 ||
         lib_.getsrcfiles(&unit, &files, &count) == 0) &&
        file < count) {
      place.file = path_of(unit, limited(lib_.filesrc(files, file, nullptr, nullptr)));
    }
    return place;
  }

  std::int64_t number(Dwarf_Die& die, unsigned attribute) {
    Dwarf_Attribute found;
    Dwarf_Word value = 0;
    if (lib_.attr(&die, attribute, &found) == nullptr || lib_.formudata(&found, &value) != 0 ||
        value > 0x7fffffff) {
      return 0;
    }
    return static_cast<std::int64_t>(value);
  }

  void name(Frame& frame, Dwarf_Die& die) {
    Dwarf_Attribute found;
    for (const unsigned attribute : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
      if (lib_.attr_integrate(&die, attribute, &found) != nullptr) {
        frame.system_name = limited(lib_.formstring(&found));
        break;
      }
    }
    if (frame.system_name.empty()) {
      frame.function = limited(lib_.diename(&die));
    }
    int line = 0;
    if (lib_.decl_line(&die, &line) == 0) {
      frame.start_line = line;
    }
  }

  const Libdw& lib_;
  base::Descriptor file_;
  std::filesystem::path folder_;
  DwarfLimits limits_;
  std::uint64_t split_bytes_ = 0;
  Elf* elf_ = nullptr;
  ::Dwarf* dwarf_ = nullptr;
  std::vector<Unit> units_;
  std::vector<Range> unit_ranges_;
  std::vector<std::uint64_t> units_with_lines_;  // by offset
  std::size_t entries_ = 0;
  std::size_t kept_ = 0;
  std::size_t table_bytes_ = 0;
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
  if (auto begun = reader->begin(); !begun) {
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
