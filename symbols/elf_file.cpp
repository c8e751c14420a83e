#include "symbols/elf_file.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/text.h"

namespace heapwatch::symbols {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::size_t section_names_bytes_max = std::size_t{16} << 20U;
constexpr std::size_t note_bytes_max = 4096;
constexpr std::size_t build_id_bytes_max = 64;

}  // namespace

Result<ElfFile> ElfFile::open(const std::string& path) {
  ElfFile elf;
  elf.path_ = path;
  // O_NONBLOCK: a pipe of this name holds nobody up.
  elf.file_ = base::Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!elf.file_) {
    return fail(errno == ENOENT || errno == ENOTDIR ? ErrorKind::not_found : ErrorKind::io,
                path + ": " + std::strerror(errno));
  }
  struct stat status {};
  if (fstat(elf.file_.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return fail(ErrorKind::invalid, path + ": not a regular file");
  }
  elf.size_ = static_cast<std::uint64_t>(status.st_size);
  if (auto parsed = elf.parse(); !parsed) {
    return fail(parsed.error().kind, path + ": " + parsed.error().message);
  }
  return elf;
}

Result<ElfFile> ElfFile::from_bytes(std::string bytes) {
  ElfFile elf;
  elf.bytes_ = std::move(bytes);
  elf.size_ = elf.bytes_.size();
  if (auto parsed = elf.parse(); !parsed) {
    return tl::unexpected(parsed.error());
  }
  return elf;
}

bool ElfFile::read_at(std::uint64_t offset, void* into, std::size_t bytes) const {
  if (offset > size_ || size_ - offset < bytes) {
    return false;
  }
  if (!file_) {
    std::memcpy(into, bytes_.data() + offset, bytes);
    return true;
  }
  auto* to = static_cast<char*>(into);
  while (bytes != 0) {
    const ssize_t got = pread(file_.get(), to, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return false;
    }
    to += got;
    offset += static_cast<std::uint64_t>(got);
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

Result<void> ElfFile::parse() {
  Elf64_Ehdr header;
  if (!read_at(0, &header, sizeof header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return fail(ErrorKind::invalid, "not an ELF file");
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB) {
    return fail(ErrorKind::invalid, "not an ELF file of 64 bits in little-endian order");
  }
  is_fixed_ = header.e_type == ET_EXEC;
  machine_ = header.e_machine;
  read_segments(header.e_phoff, header.e_phnum);
  if (auto read = read_sections(header.e_shoff, header.e_shnum, header.e_shstrndx); !read) {
    return read;
  }
  read_build_id();
  return {};
}

void ElfFile::read_segments(std::uint64_t offset, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    Elf64_Phdr segment;
    if (!read_at(offset + i * sizeof segment, &segment, sizeof segment)) {
      return;
    }
    if (segment.p_type == PT_LOAD) {
      segments_.push_back({segment.p_offset, segment.p_filesz, segment.p_vaddr});
    }
  }
}

Result<void> ElfFile::read_sections(std::uint64_t offset, std::uint64_t count,
                                    std::uint64_t names) {
  std::vector<Elf64_Shdr> headers(count);
  if (count == 0 || !read_at(offset, headers.data(), count * sizeof headers[0])) {
    return {};  // a file without sections can still be loaded
  }
  std::string text;
  if (names < count) {
    const Elf64_Shdr& table = headers[names];
    auto bytes = read({.offset = table.sh_offset, .bytes = table.sh_size}, section_names_bytes_max);
    if (!bytes) {
      return fail(bytes.error().kind, "names of sections: " + bytes.error().message);
    }
    text = std::move(*bytes);
  }
  sections_.reserve(headers.size());
  for (const Elf64_Shdr& header : headers) {
    const char* const name = header.sh_name < text.size() ? text.c_str() + header.sh_name : "";
    constexpr std::size_t name_bytes_max = 256;
    sections_.push_back({std::string(name, strnlen(name, name_bytes_max)), header.sh_type,
                         header.sh_link, header.sh_flags, header.sh_addr, header.sh_offset,
                         header.sh_size});
  }
  return {};
}

void ElfFile::read_build_id() {
  for (const Section& section : sections_) {
    if (section.type != SHT_NOTE) {
      continue;
    }
    const auto bytes = read(section, note_bytes_max);
    if (!bytes) {
      continue;
    }
    for (std::size_t at = 0; bytes->size() - at >= sizeof(Elf64_Nhdr);) {
      Elf64_Nhdr note;
      std::memcpy(&note, bytes->data() + at, sizeof note);
      const std::size_t name = at + sizeof note;
      const std::size_t content = name + ((std::size_t{note.n_namesz} + 3U) & ~std::size_t{3});
      const std::size_t end = content + ((std::size_t{note.n_descsz} + 3U) & ~std::size_t{3});
      if (content + note.n_descsz > bytes->size()) {
        break;
      }
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
          bytes->compare(name, 4, std::string_view("GNU\0", 4)) == 0) {
        for (std::size_t i = 0; i < std::min<std::size_t>(note.n_descsz, build_id_bytes_max); ++i) {
          base::append_hex(build_id_, static_cast<unsigned char>((*bytes)[content + i]), 2);
        }
        return;
      }
      if (end >= bytes->size()) {
        break;
      }
      at = end;
    }
  }
}

const Section* ElfFile::find(std::string_view name) const {
  const auto found = std::find_if(sections_.begin(), sections_.end(),
                                  [&](const Section& section) { return section.name == name; });
  return found == sections_.end() ? nullptr : &*found;
}

Result<std::string> ElfFile::read(const Section& section, std::size_t bytes_max) const {
  if (section.type == SHT_NOBITS) {
    return fail(ErrorKind::not_found, "the section is empty");
  }
  if (section.bytes > bytes_max) {
    return fail(ErrorKind::limit, "a section of " + std::to_string(section.bytes) +
                                      " bytes; at most " + std::to_string(bytes_max) + " are read");
  }
  if (section.offset > size_ || size_ - section.offset < section.bytes) {
    return fail(ErrorKind::invalid, "a section goes on beyond the end of the file");
  }
  std::string bytes(section.bytes, '\0');
  if (!read_at(section.offset, bytes.data(), bytes.size())) {
    return fail(ErrorKind::io, "a section cannot be read");
  }
  return bytes;
}

Result<std::string> ElfFile::read_at_address(std::uint64_t address, std::size_t bytes) const {
  for (const Segment& segment : segments_) {
    if (address < segment.address || address - segment.address >= segment.bytes ||
        segment.bytes - (address - segment.address) < bytes) {
      continue;
    }
    std::string found(bytes, '\0');
    if (!read_at(segment.offset + (address - segment.address), found.data(), bytes)) {
      return fail(ErrorKind::io, "a segment cannot be read");
    }
    return found;
  }
  return fail(ErrorKind::not_found, "nothing is loaded there");
}

std::optional<std::uint64_t> ElfFile::address_of(std::uint64_t offset) const {
  for (const Segment& segment : segments_) {
    if (offset >= segment.offset && offset - segment.offset < segment.bytes) {
      return segment.address + (offset - segment.offset);
    }
  }
  // A file of debugging information alone has kept the addresses, but not the offsets. Most
  // libraries have code at the address of its offset.
  if (!is_fixed_ && has_code_at(offset)) {
    return offset;
  }
  return std::nullopt;
}

bool ElfFile::has_code_at(std::uint64_t address) const {
  return std::any_of(sections_.begin(), sections_.end(), [&](const Section& section) {
    return (section.flags & SHF_EXECINSTR) != 0 && address >= section.address &&
           address - section.address < section.bytes;
  });
}

}  // namespace heapwatch::symbols
