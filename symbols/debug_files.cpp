#include "symbols/debug_files.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

namespace heapwatch::symbols {

namespace {

constexpr std::size_t link_bytes_max = 4096;
constexpr std::uint64_t checked_bytes_max = std::uint64_t{4} << 30U;

struct DebugLink {
  std::string name;
  std::uint32_t checksum = 0;
};

std::optional<DebugLink> debug_link(const ElfFile& elf) {
  const Section* const section = elf.find(".gnu_debuglink");
  if (section == nullptr) {
    return std::nullopt;
  }
  const auto bytes = elf.read(*section, link_bytes_max);
  DebugLink link;
  if (!bytes || bytes->size() < sizeof link.checksum + 2) {
    return std::nullopt;
  }
  link.name = bytes->substr(0, bytes->find('\0'));
  std::memcpy(&link.checksum, bytes->data() + bytes->size() - sizeof link.checksum,
              sizeof link.checksum);
  // A name alone: what others wrote does not lead elsewhere.
  if (link.name.empty() || link.name.find('/') != std::string::npos) {
    return std::nullopt;
  }
  return link;
}

/// CRC-32 as gzip has it.
std::uint32_t checksum_of(const std::string& path) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t i = 0; i < made.size(); ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) {
        value = (value >> 1U) ^ ((value & 1U) != 0 ? 0xedb88320U : 0U);
      }
      made[i] = value;
    }
    return made;
  }();
  std::ifstream file(path, std::ios::binary);
  std::array<char, 65536> part{};
  std::uint32_t sum = ~std::uint32_t{0};
  for (std::uint64_t read = 0; file && read < checked_bytes_max;) {
    file.read(part.data(), part.size());
    for (std::streamsize i = 0; i < file.gcount(); ++i) {
      const auto byte = static_cast<unsigned char>(part[static_cast<std::size_t>(i)]);
      sum = (sum >> 8U) ^ table[(sum ^ byte) & 0xffU];
    }
    read += static_cast<std::uint64_t>(file.gcount());
  }
  return ~sum;
}

class Search {
 public:
  explicit Search(const ElfFile& elf) : elf_(elf), link_(debug_link(elf)) {}

  [[nodiscard]] const std::optional<DebugLink>& link() const { return link_; }

  bool take(const std::string& path) {
    if (path.empty() || path == elf_.path()) {
      return false;
    }
    auto file = ElfFile::open(path);
    if (!file) {
      return false;
    }
    const bool is_same = elf_.build_id().empty() || file->build_id().empty()
                             ? link_ && checksum_of(path) == link_->checksum
                             : elf_.build_id() == file->build_id();
    if (is_same) {
      found_.push_back(std::move(*file));
    }
    return is_same;
  }

  std::vector<ElfFile> found() { return std::move(found_); }

 private:
  const ElfFile& elf_;
  std::optional<DebugLink> link_;
  std::vector<ElfFile> found_;
};

}  // namespace

std::vector<ElfFile> find_debug_file(const ElfFile& elf, const std::vector<std::string>& folders,
                                     const FindDebugFile& find) {
  Search search(elf);
  const std::string& id = elf.build_id();
  if (id.size() > 2) {
    const std::string below = id.substr(0, 2) + "/" + id.substr(2) + ".debug";
    for (const std::string& folder : folders) {
      if (search.take(folder + "/.build-id/" + below) || search.take(folder + "/" + below)) {
        return search.found();
      }
    }
  }
  std::error_code error;
  const auto real = std::filesystem::weakly_canonical(elf.path(), error);
  const std::string folder = real.parent_path().string();
  if (search.link()) {
    const std::string name = "/" + search.link()->name;
    if (search.take(folder + name) || search.take(folder + "/.debug" + name)) {
      return search.found();
    }
    for (const std::string& root : folders) {
      if (search.take(root + folder + name)) {
        return search.found();
      }
    }
  }
  for (const std::string& root : folders) {
    if (search.take(root + real.string() + ".debug")) {
      return search.found();
    }
  }
  if (find && !id.empty()) {
    search.take(find(id));
  }
  return search.found();
}

}  // namespace heapwatch::symbols
