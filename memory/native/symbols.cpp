#include "memory/native/symbols.h"

#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "memtrack/memtrack.hpp"

namespace heapwatch::memory::native {

namespace {

/// A file in memory, read only.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path) {
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0) {
      return;
    }
    struct stat status {};
    if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
      const auto size = static_cast<std::size_t>(status.st_size);
      void* const bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
      if (bytes != MAP_FAILED) {
        bytes_ = {static_cast<const char*>(bytes), size};
      }
    }
    close(descriptor);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() {
    if (!bytes_.empty()) {
      munmap(const_cast<char*>(bytes_.data()), bytes_.size());
    }
  }

  /// A structure at an offset; nothing when the file is shorter.
  template <typename T>
  [[nodiscard]] std::optional<T> at(std::uint64_t offset) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) {
      return std::nullopt;
    }
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }
  [[nodiscard]] std::string_view text(std::uint64_t offset) const {
    if (offset >= bytes_.size()) {
      return {};
    }
    const std::string_view rest(bytes_.data() + offset, bytes_.size() - offset);
    const std::size_t end = rest.find('\0');
    return end == std::string_view::npos ? std::string_view() : rest.substr(0, end);
  }

 private:
  std::span<const char> bytes_;
};

/// Names of others may be made to keep the demangler busy; real ones are shorter.
constexpr std::size_t demangled_bytes_max = 8192;

std::string demangled(const std::string& name) {
  if (name.size() > demangled_bytes_max) {
    return name;
  }
  int status = -1;
  // NOLINTNEXTLINE(cppcoreguidelines-no-malloc): the demangler's block is a plain one
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), memtrack_free_either);
  return status == 0 && text ? text.get() : name;
}

}  // namespace

class Symbols::File {
 public:
  explicit File(const std::string& path) : file_(path) {
    const auto header = file_.at<Elf64_Ehdr>(0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_ident[EI_CLASS] != ELFCLASS64) {
      return;
    }
    read_segments(*header);
    if (!read_table(*header, SHT_SYMTAB)) {
      read_table(*header, SHT_DYNSYM);
    }
    std::sort(symbols_.begin(), symbols_.end(),
              [](const Symbol& a, const Symbol& b) { return a.start < b.start; });
  }

  [[nodiscard]] bool find(std::uint64_t file_offset, Function& into) const {
    const std::optional<std::uint64_t> address = address_of(file_offset);
    if (!address) {
      return false;
    }
    auto after = std::upper_bound(
        symbols_.begin(), symbols_.end(), *address,
        [](std::uint64_t wanted, const Symbol& symbol) { return wanted < symbol.start; });
    // Assembly code has symbols without a size, and small symbols may stand inside larger ones.
    constexpr int steps_max = 16;
    for (int step = 0; step < steps_max && after != symbols_.begin(); ++step) {
      const Symbol& symbol = *--after;
      if (symbol.size == 0 ? step == 0 : *address - symbol.start < symbol.size) {
        into.system_name = file_.text(symbol.name);
        into.name = demangled(into.system_name);
        into.offset = *address - symbol.start;
        return !into.name.empty();
      }
    }
    return false;
  }

 private:
  struct Segment {
    std::uint64_t offset;
    std::uint64_t bytes;
    std::uint64_t address;
  };
  struct Symbol {
    std::uint64_t start;
    std::uint64_t size;
    std::uint64_t name;  // its place in the file
  };

  void read_segments(const Elf64_Ehdr& header) {
    for (unsigned i = 0; i < header.e_phnum; ++i) {
      const auto segment =
          file_.at<Elf64_Phdr>(header.e_phoff + std::uint64_t{i} * sizeof(Elf64_Phdr));
      if (segment && segment->p_type == PT_LOAD) {
        segments_.push_back({segment->p_offset, segment->p_filesz, segment->p_vaddr});
      }
    }
  }

  [[nodiscard]] std::optional<Elf64_Shdr> section(const Elf64_Ehdr& header,
                                                  std::uint64_t index) const {
    return file_.at<Elf64_Shdr>(header.e_shoff + index * sizeof(Elf64_Shdr));
  }

  bool read_table(const Elf64_Ehdr& header, std::uint32_t type) {
    constexpr std::uint64_t symbols_max = 10'000'000;
    for (unsigned i = 0; i < header.e_shnum; ++i) {
      const auto table = section(header, i);
      if (!table || table->sh_type != type) {
        continue;
      }
      const auto names = section(header, table->sh_link);
      const std::uint64_t count =
          std::min<std::uint64_t>(table->sh_size / sizeof(Elf64_Sym), symbols_max);
      for (std::uint64_t k = 0; names && k < count; ++k) {
        const auto symbol = file_.at<Elf64_Sym>(table->sh_offset + k * sizeof(Elf64_Sym));
        if (!symbol) {
          break;
        }
        const unsigned kind = ELF64_ST_TYPE(symbol->st_info);
        if ((kind == STT_FUNC || kind == STT_GNU_IFUNC || kind == STT_NOTYPE) &&
            symbol->st_shndx != SHN_UNDEF && symbol->st_name != 0) {
          symbols_.push_back(
              {symbol->st_value, symbol->st_size, names->sh_offset + symbol->st_name});
        }
      }
      return !symbols_.empty();
    }
    return false;
  }

  [[nodiscard]] std::optional<std::uint64_t> address_of(std::uint64_t file_offset) const {
    for (const Segment& segment : segments_) {
      if (file_offset >= segment.offset && file_offset - segment.offset < segment.bytes) {
        return segment.address + (file_offset - segment.offset);
      }
    }
    return std::nullopt;
  }

  MappedFile file_;
  std::vector<Segment> segments_;
  std::vector<Symbol> symbols_;  // by start
};

Symbols::Symbols() = default;
Symbols::~Symbols() = default;

const Symbols::Function* Symbols::find(const std::string& path, std::uint64_t file_offset) {
  if (path.empty() || path.front() != '/') {
    return nullptr;
  }
  std::unique_ptr<File>& file = files_[path];
  if (!file) {
    file = std::make_unique<File>(path);
  }
  return file->find(file_offset, found_) ? &found_ : nullptr;
}

}  // namespace heapwatch::memory::native
