// A file is read in steps, each when it is first needed: its head; its DWARF, of its own or of the
// file that holds its debugging information; Go's table; its symbol tables. Of an address DWARF
// knows most, Go's table the rest of a Go program, and symbol tables what is left.
#include "symbols/symbolizer.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "symbols/go_lines.h"
#include "symbols/symbol_table.h"

namespace heapwatch::symbols {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::size_t failed_max = 10'000;
constexpr std::size_t code_bytes_max = std::size_t{16} << 20U;

bool is_known(const Module& module) {
  return module.start != 0 || module.offset != 0 ||
         (module.limit != 0 && module.limit != ~std::uint64_t{0});
}

/// A name for the file that a path leads to now.
std::string identity(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return "/" + path;
  }
  std::string text = "/" + path;
  for (const std::uint64_t part : {std::uint64_t{status.st_dev}, std::uint64_t{status.st_ino},
                                   static_cast<std::uint64_t>(status.st_size),
                                   static_cast<std::uint64_t>(status.st_mtim.tv_sec),
                                   static_cast<std::uint64_t>(status.st_mtim.tv_nsec)}) {
    text += '/' + std::to_string(part);
  }
  return text;
}

}  // namespace

class Symbolizer::File {
 public:
  File(std::string key, ElfFile elf, const SymbolizerOptions& options)
      : key_(std::move(key)), elf_(std::move(elf)), options_(options) {}

  [[nodiscard]] const std::string& key() const { return key_; }
  [[nodiscard]] const std::string& build_id() const { return elf_.build_id(); }
  [[nodiscard]] const std::string& missing_lines() const { return missing_lines_; }
  [[nodiscard]] std::size_t bytes() const {
    return table_.bytes() + (dwarf_ ? dwarf_->bytes() : 0) + (go_ ? go_->bytes() : 0);
  }

  [[nodiscard]] std::vector<Frame> frames(const Module& module, std::uint64_t address) {
    const auto place = address_in_file(module, address);
    if (!place) {
      return {};
    }
    std::vector<Frame> frames;
    if (options_.lines) {
      open_lines();
      frames = dwarf_ ? dwarf_->frames(*place) : frames;
      if (go_) {
        name_by_go(frames, *place);
      }
    }
    const bool has_name = !frames.empty() && !frames.back().system_name.empty();
    if (!has_name) {
      name_by_table(frames, *place);
    }
    for (Frame& frame : frames) {
      if (frame.system_name.empty()) {
        frame.system_name = frame.function;
      } else {
        frame.function = demangled(frame.system_name, options_.demangle);
      }
    }
    return frames;
  }

  [[nodiscard]] std::optional<std::uint64_t> address_in_file(const Module& module,
                                                             std::uint64_t address) const {
    if (!is_known(module)) {
      return address;
    }
    if (elf_.is_fixed() && elf_.has_code_at(address)) {
      return address;
    }
    return elf_.address_of(address - module.start + module.offset);
  }

  [[nodiscard]] std::vector<FunctionCode> functions(
      const std::function<bool(const std::string& name)>& is_wanted) {
    open_lines();
    open_table();
    std::map<std::uint64_t, FunctionCode> found;
    const auto add = [&](const std::string& name, std::uint64_t start, std::uint64_t limit) {
      std::string text = demangled(name, options_.demangle);
      if (name.empty() || limit <= start || !(is_wanted(name) || is_wanted(text))) {
        return;
      }
      FunctionCode& function = found[start];
      function.start = start;
      function.limit = std::max(function.limit, limit);
      // The name that means most comes last.
      if (std::find(function.names.begin(), function.names.end(), text) == function.names.end()) {
        function.names.insert(function.names.begin(), std::move(text));
      }
    };
    for (const SymbolTable::Function& function : table_.functions()) {
      add(std::string(function.name), function.start, function.limit);
    }
    for (const GoLines::Named& function : go_ ? go_->functions() : std::vector<GoLines::Named>()) {
      if (!found.contains(function.start)) {
        add(function.name, function.start, function.limit);
      }
    }
    std::vector<FunctionCode> all;
    all.reserve(found.size());
    for (auto& [start, function] : found) {
      all.push_back(std::move(function));
    }
    return all;
  }

  [[nodiscard]] Result<std::vector<Instruction>> instructions(std::uint64_t start,
                                                              std::uint64_t limit,
                                                              bool intel_syntax) {
    if (limit < start || limit - start > code_bytes_max) {
      return fail(ErrorKind::limit, "more than " + std::to_string(code_bytes_max) +
                                        " bytes of instructions in one function");
    }
    const auto bytes = elf_.read_at_address(start, limit - start);
    if (!bytes) {
      return tl::unexpected(bytes.error());
    }
    open_table();
    return disassembled({*bytes, start, elf_.machine(), intel_syntax},
                        [&](std::uint64_t address) { return name_and_offset(address); });
  }

 private:
  /// `malloc+0x10`
  [[nodiscard]] std::string name_and_offset(std::uint64_t address) const {
    const SymbolTable::Symbol symbol = table_.find(address);
    std::string name(symbol.name);
    std::uint64_t offset = address - symbol.start;
    if (name.empty() && go_) {
      const std::vector<Frame> frames = go_->frames(address);
      name = frames.empty() ? name : frames.back().system_name;
      offset = frames.empty() ? 0 : frames.back().offset;
    }
    name = name.empty() ? name : demangled(name, options_.demangle);
    if (!name.empty() && offset != 0) {
      std::array<char, 16> digits{};
      name += "+0x";
      name.append(digits.data(),
                  std::to_chars(digits.data(), digits.data() + digits.size(), offset, 16).ptr);
    }
    return name;
  }

  void open_lines() {
    if (has_opened_lines_) {
      return;
    }
    has_opened_lines_ = true;
    auto opened = DwarfLines::open(elf_, options_.dwarf);
    if (!opened && elf_.find(".debug_info") == nullptr) {
      find_debug_file();
      for (const ElfFile& file : debug_) {
        opened = DwarfLines::open(file, options_.dwarf);
      }
    }
    if (opened) {
      dwarf_ = std::move(*opened);
    } else if (elf_.find(".debug_info") != nullptr || !debug_.empty()) {
      missing_lines_ = elf_.path() + ": " + opened.error().message;
    }
    if (auto go = GoLines::open(elf_)) {
      go_ = std::move(*go);
    }
  }

  void find_debug_file() {
    if (!has_searched_) {
      has_searched_ = true;
      debug_ = symbols::find_debug_file(elf_, options_.debug_folders, options_.find_debug_file);
    }
  }

  void open_table() {
    if (has_opened_table_) {
      return;
    }
    has_opened_table_ = true;
    table_.add(elf_);
    if (elf_.find(".symtab") == nullptr) {
      find_debug_file();
      for (const ElfFile& file : debug_) {
        table_.add(file);
      }
    }
    table_.finish();
  }

  /// Go's own table has the line of each instruction and of each inlined call; DWARF only of those
  /// where statements begin, and of calls in files with C as cgo has rewritten them. The names of
  /// DWARF tell what a generic function was made for.
  void name_by_go(std::vector<Frame>& frames, std::uint64_t address) {
    std::vector<Frame> own = go_->frames(address);
    const bool has_names =
        !frames.empty() && !(frames.back().system_name.empty() && frames.back().function.empty());
    if (!has_names || own.size() > frames.size()) {
      frames = own.empty() ? std::move(frames) : std::move(own);
    } else if (own.size() == frames.size()) {
      for (std::size_t i = 0; i < own.size(); ++i) {
        if (own[i].line == 0) {
          continue;
        }
        frames[i].file = std::move(own[i].file);
        frames[i].column = frames[i].line == own[i].line ? frames[i].column : 0;
        frames[i].line = own[i].line;
      }
    }
  }

  /// The linker's name of the outermost function, where DWARF has none or knows nothing.
  void name_by_table(std::vector<Frame>& frames, std::uint64_t address) {
    open_table();
    const SymbolTable::Symbol symbol = table_.find(address);
    if (frames.empty()) {
      if (!symbol.name.empty()) {
        frames.push_back(
            {.system_name = std::string(symbol.name), .offset = address - symbol.start});
      }
      return;
    }
    Frame& outermost = frames.back();
    if (outermost.function.empty()) {
      outermost.system_name = symbol.name;
      outermost.offset = address - symbol.start;
      if (symbol.name.empty()) {
        frames.clear();  // what fills the gap between two functions
      }
      return;
    }
    const bool is_mangled = symbol.name.starts_with("_Z") || symbol.name.starts_with("_R");
    // A function of C++ that is seen in its file alone may have no linker's name in DWARF.
    if (outermost.function.empty() || (is_mangled && address - symbol.start == outermost.offset)) {
      outermost.system_name = symbol.name;
    }
  }

  std::string key_;
  ElfFile elf_;
  const SymbolizerOptions& options_;
  std::vector<ElfFile> debug_;
  std::unique_ptr<DwarfLines> dwarf_;
  std::unique_ptr<GoLines> go_;
  SymbolTable table_;
  std::string missing_lines_;
  bool has_opened_lines_ = false;
  bool has_opened_table_ = false;
  bool has_searched_ = false;
};

Symbolizer::Symbolizer(SymbolizerOptions options) : options_(std::move(options)) {}
Symbolizer::~Symbolizer() = default;

Result<std::vector<Frame>> Symbolizer::frames(const Module& module, std::uint64_t address) {
  const auto file = file_of(module);
  if (!file) {
    return tl::unexpected(file.error());
  }
  auto frames = (*file)->frames(module, address);
  shrink(options_.bytes_max, 1);
  return frames;
}

Result<void> Symbolizer::open(const Module& module) {
  const auto file = file_of(module);
  if (!file) {
    return tl::unexpected(file.error());
  }
  return {};
}

Result<std::optional<std::uint64_t>> Symbolizer::address_in_file(const Module& module,
                                                                 std::uint64_t address) {
  const auto file = file_of(module);
  if (!file) {
    return tl::unexpected(file.error());
  }
  return (*file)->address_in_file(module, address);
}

Result<std::vector<FunctionCode>> Symbolizer::functions(
    const Module& module, const std::function<bool(const std::string& name)>& is_wanted) {
  const auto file = file_of(module);
  if (!file) {
    return tl::unexpected(file.error());
  }
  return (*file)->functions(is_wanted);
}

Result<std::vector<Instruction>> Symbolizer::instructions(const Module& module, std::uint64_t start,
                                                          std::uint64_t limit, bool intel_syntax) {
  const auto file = file_of(module);
  if (!file) {
    return tl::unexpected(file.error());
  }
  return (*file)->instructions(start, limit, intel_syntax);
}

std::string Symbolizer::missing_lines(const Module& module) {
  const auto file = file_of(module);
  return file ? (*file)->missing_lines() : std::string();
}

Result<std::shared_ptr<Symbolizer::File>> Symbolizer::file_of(const Module& module) {
  if (!module.path.starts_with('/') && module.path.find('/') == std::string::npos &&
      (module.path.empty() || module.path.starts_with('['))) {
    return fail(ErrorKind::not_found, "no file");
  }
  // Of one build id all copies are the same.
  const std::string key = module.build_id.empty() ? identity(module.path) : module.build_id;
  if (const auto known = by_key_.find(key); known != by_key_.end()) {
    files_.splice(files_.begin(), files_, known->second);
    return *known->second;
  }
  const std::string failed_key = key + '\n' + module.path;
  if (const auto failed = failed_.find(failed_key); failed != failed_.end()) {
    return tl::unexpected(failed->second);
  }
  auto elf = ElfFile::open(module.path);
  if (elf && !module.build_id.empty() && !elf->build_id().empty() &&
      elf->build_id() != module.build_id) {
    elf = fail(ErrorKind::invalid, "build ID mismatch");
  }
  if (!elf) {
    if (failed_.size() >= failed_max) {
      failed_.clear();
    }
    failed_.emplace(failed_key, elf.error());
    return tl::unexpected(elf.error());
  }
  files_.push_front(std::make_shared<File>(key, std::move(*elf), options_));
  by_key_.emplace(key, files_.begin());
  shrink(options_.bytes_max, 1);
  return files_.front();
}

void Symbolizer::keep(std::size_t bytes_max) {
  shrink(bytes_max, 0);
}

/// The first was just asked for.
void Symbolizer::shrink(std::size_t bytes_max, std::size_t modules_min) {
  std::size_t bytes = 0;
  std::size_t kept = 0;
  for (const auto& file : files_) {
    bytes += file->bytes();
    const bool is_too_much = bytes > bytes_max || kept >= options_.modules_max;
    if (kept >= modules_min && is_too_much) {
      break;
    }
    ++kept;
  }
  while (files_.size() > kept) {
    by_key_.erase(files_.back()->key());
    files_.pop_back();
  }
}

}  // namespace heapwatch::symbols
