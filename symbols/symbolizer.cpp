// A file is read in steps, each when it is first needed: its head; its DWARF, of its own or of the
// file that holds its debugging information; Go's table; its symbol tables. Of an address DWARF
// knows most, Go's table the rest of a Go program, and symbol tables what is left.
#include "symbols/symbolizer.h"

#include <sys/stat.h>

#include <algorithm>
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
      if (frames.empty() && go_) {
        frames = go_->frames(*place);
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

 private:
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
