#include "memory/process/modules.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace heapwatch::memory::process {

namespace {

constexpr std::size_t program_headers_max = 128;
constexpr std::size_t dynamic_entries_max = 512;
constexpr std::size_t chain_max = 4096;

/// Reads the headers of an ELF file that is mapped at `begin`.
std::optional<Module> read_module(Words& words, const Mapping& mapping) {
  const auto header = words.get<Elf64_Ehdr>(mapping.begin);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
      header->e_machine != EM_X86_64 || header->e_phentsize != sizeof(Elf64_Phdr) ||
      header->e_phnum > program_headers_max) {
    return std::nullopt;
  }
  Module module{.name = mapping.name, .begin = mapping.begin, .end = mapping.end};
  module.program_headers = mapping.begin + header->e_phoff;
  bool first = true;
  for (std::size_t i = 0; i < header->e_phnum; ++i) {
    const auto entry = words.get<Elf64_Phdr>(module.program_headers + i * sizeof(Elf64_Phdr));
    if (!entry) {
      return std::nullopt;
    }
    if (entry->p_type == PT_LOAD) {
      if (first) {
        module.bias = mapping.begin - (entry->p_vaddr & ~(page_bytes - 1));
        first = false;
      }
      const std::uint64_t begin = module.bias + entry->p_vaddr;
      module.segments.push_back({.begin = begin,
                                 .file_end = begin + entry->p_filesz,
                                 .memory_end = begin + entry->p_memsz,
                                 .writable = (entry->p_flags & PF_W) != 0,
                                 .executable = (entry->p_flags & PF_X) != 0});
      module.end = std::max(module.end, begin + entry->p_memsz);
    } else if (entry->p_type == PT_DYNAMIC) {
      module.has_dynamic = true;
      module.dynamic = entry->p_vaddr;  // the bias is added when it is known
    }
  }
  module.dynamic += module.bias;
  // A forged header must not claim half the address space.
  constexpr std::uint64_t bytes_max = std::uint64_t{1} << 36;
  if (first || module.end - module.begin > bytes_max) {
    return std::nullopt;
  }
  return module;
}

}  // namespace

std::string_view Module::base_name() const {
  const std::string_view path = name;
  return path.substr(path.rfind('/') + 1);
}

std::vector<Module> find_modules(const ProcessView& view) {
  std::vector<Module> modules;
  Words words(view);
  const auto is_module_start = [](const Mapping& mapping) {
    return mapping.readable && !mapping.writable && mapping.offset == 0 &&
           (mapping.is_file() || mapping.name == "[vdso]");
  };
  for (const Mapping& mapping : view.mappings()) {
    if (!is_module_start(mapping) || modules.size() >= modules_max) {
      continue;
    }
    if (!modules.empty() && modules.back().contains(mapping.begin)) {
      continue;  // the same file once more, as part of it
    }
    if (auto module = read_module(words, mapping)) {
      module->is_program = !mapping.name.empty() && mapping.name == view.facts().exe;
      modules.push_back(*std::move(module));
    }
  }
  return modules;
}

bool is_heapwatch_library(const Module& module) {
  const std::string_view name = module.base_name();
  const auto begins_with = [name](std::string_view begin) {
    return name.substr(0, begin.size()) == begin;
  };
  return begins_with("libheapwatch_preload") || begins_with("memfd:heapwatch library");
}

Symbols::Symbols(Words& words, const Module& module) : words_(words), module_(module) {
  if (!module.has_dynamic) {
    return;
  }
  for (std::size_t i = 0; i < dynamic_entries_max; ++i) {
    const auto entry = words_.get<Elf64_Dyn>(module.dynamic + i * sizeof(Elf64_Dyn));
    if (!entry || entry->d_tag == DT_NULL) {
      break;
    }
    // glibc's loader has made these addresses; others leave those of the file.
    const std::uint64_t value = entry->d_un.d_ptr;
    const std::uint64_t address = module.contains(value) ? value : value + module.bias;
    switch (entry->d_tag) {
      case DT_SYMTAB:
        symbols_ = address;
        break;
      case DT_STRTAB:
        strings_ = address;
        break;
      case DT_GNU_HASH:
        gnu_hash_ = address;
        break;
      case DT_HASH:
        hash_ = address;
        break;
      default:
        break;
    }
  }
}

std::optional<std::uint64_t> Symbols::find(std::string_view name) {
  if (symbols_ == 0 || strings_ == 0 || name.empty()) {
    return std::nullopt;
  }
  return gnu_hash_ != 0 ? gnu(name) : hash_ != 0 ? sysv(name) : std::nullopt;
}

std::optional<std::uint64_t> Symbols::value_if_named(std::uint64_t index, std::string_view name) {
  const auto symbol = words_.get<Elf64_Sym>(symbols_ + index * sizeof(Elf64_Sym));
  if (!symbol || symbol->st_shndx == SHN_UNDEF) {
    return std::nullopt;
  }
  const auto text = words_.text(strings_ + symbol->st_name, name.size() + 1);
  return text && *text == name ? std::optional(symbol->st_value + module_.bias) : std::nullopt;
}

std::optional<std::uint64_t> Symbols::gnu(std::string_view name) {
  std::uint32_t hash = 5381;
  for (const char c : name) {
    hash = hash * 33 + static_cast<unsigned char>(c);
  }
  const auto header = words_.get<std::array<std::uint32_t, 4>>(gnu_hash_);
  if (!header || (*header)[0] == 0) {
    return std::nullopt;
  }
  const auto [buckets, first, bloom_words, shift] = *header;
  const std::uint64_t bucket_table = gnu_hash_ + 16 + std::uint64_t{bloom_words} * 8;
  const std::uint64_t chains = bucket_table + std::uint64_t{buckets} * 4;
  const auto bucket = words_.u32(bucket_table + std::uint64_t{hash % buckets} * 4);
  if (!bucket || *bucket < first) {
    return std::nullopt;
  }
  for (std::uint64_t i = *bucket, steps = 0; steps < chain_max; ++i, ++steps) {
    const auto word = words_.u32(chains + (i - first) * 4);
    if (!word) {
      break;
    }
    if ((*word | 1U) == (hash | 1U)) {
      if (const auto value = value_if_named(i, name)) {
        return value;
      }
    }
    if ((*word & 1U) != 0) {
      break;
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Symbols::sysv(std::string_view name) {
  std::uint32_t hash = 0;
  for (const char c : name) {
    hash = (hash << 4) + static_cast<unsigned char>(c);
    const std::uint32_t high = hash & 0xf0000000U;
    hash = (hash ^ (high >> 24)) & ~high;
  }
  const auto buckets = words_.u32(hash_);
  if (!buckets || *buckets == 0) {
    return std::nullopt;
  }
  auto index = words_.u32(hash_ + 8 + std::uint64_t{hash % *buckets} * 4);
  for (std::size_t steps = 0; index && *index != 0 && steps < chain_max; ++steps) {
    if (const auto value = value_if_named(*index, name)) {
      return value;
    }
    index = words_.u32(hash_ + 8 + (std::uint64_t{*buckets} + *index) * 4);
  }
  return std::nullopt;
}

}  // namespace heapwatch::memory::process
