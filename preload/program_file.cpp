#include "preload/program_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace heapwatch::preload {

namespace {

constexpr int scripts_max = 5;            // that the kernel follows, one naming the next
constexpr std::size_t line_bytes = 256;   // of a first line that the kernel reads
constexpr std::size_t segments_max = 64;  // of a file
constexpr std::uint64_t dynamic_entries_max = 512;
constexpr std::uint64_t names_bytes_max = std::uint64_t{64} << 20;

constexpr unsigned char own_class = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
#if defined(__x86_64__)
constexpr Elf64_Half own_machine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half own_machine = EM_AARCH64;
#elif defined(__riscv)
constexpr Elf64_Half own_machine = EM_RISCV;
#elif defined(__powerpc64__)
constexpr Elf64_Half own_machine = EM_PPC64;
#elif defined(__s390x__)
constexpr Elf64_Half own_machine = EM_S390;
#else
#error "the number of this machine in ELF files is to be added here"
#endif

/// A file that closes itself.
class File {
 public:
  explicit File(const char* path) : number_(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~File() {
    if (number_ >= 0) {
      close(number_);
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  /// How many bytes there were.
  std::size_t read(void* to, std::size_t bytes, std::uint64_t at) const {
    const ssize_t got =
        number_ < 0 || at > INT64_MAX ? -1 : pread(number_, to, bytes, static_cast<off_t>(at));
    return got < 0 ? 0 : static_cast<std::size_t>(got);
  }
  template <typename T>
  bool read_object(T& object, std::uint64_t at) const {
    return read(&object, sizeof object, at) == sizeof object;
  }
  bool read_text(char* text, std::size_t bytes, std::uint64_t at) const {
    const std::size_t got = read(text, bytes - 1, at);
    text[got] = '\0';
    return got > 0;
  }
  /// What a user gets that is not the one who asks. `privileged`: root has capabilities anyway.
  [[nodiscard]] bool changes_user() const {
    struct stat status {};
    if (number_ < 0 || fstat(number_, &status) != 0) {
      return false;
    }
    constexpr mode_t runs_as_group = S_ISGID | S_IXGRP;
    return ((status.st_mode & S_ISUID) != 0 && status.st_uid != geteuid()) ||
           ((status.st_mode & runs_as_group) == runs_as_group && status.st_gid != getegid()) ||
           (geteuid() != 0 && fgetxattr(number_, "security.capability", nullptr, 0) > 0);
  }

 private:
  int number_;
};

struct Runtime {
  const char* name;
  ProgramKind kind;
};

/// Exported by a program that has the sanitizer in it, asked for by one that has it in a library.
constexpr Runtime sanitizers[] = {{"__asan_init", ProgramKind::address_sanitizer},
                                  {"__hwasan_init", ProgramKind::address_sanitizer},
                                  {"__tsan_init", ProgramKind::thread_sanitizer},
                                  {"__msan_init", ProgramKind::memory_sanitizer},
                                  {"__lsan_init", ProgramKind::leak_sanitizer},
                                  {"libasan.so", ProgramKind::address_sanitizer},
                                  {"libhwasan.so", ProgramKind::address_sanitizer},
                                  {"libtsan.so", ProgramKind::thread_sanitizer},
                                  {"liblsan.so", ProgramKind::leak_sanitizer}};
constexpr std::size_t name_bytes_max = 16;

constexpr Runtime allocators[] = {{"libjemalloc", ProgramKind::watchable},
                                  {"libtcmalloc", ProgramKind::watchable},
                                  {"libmimalloc", ProgramKind::watchable}};

/// The first of these among the names that the loader has to do with: each begins after a zero.
/// Null: none.
template <std::size_t count>
const Runtime* find_name(const Runtime (&runtimes)[count], const File& file, std::uint64_t at,
                         std::uint64_t bytes) {
  char window[8192];
  std::uint64_t end = at + (bytes < names_bytes_max ? bytes : names_bytes_max);
  while (at < end) {
    const std::size_t wanted = end - at < sizeof window ? end - at : sizeof window;
    const std::size_t got = file.read(window, wanted, at);
    if (got < 2) {
      break;
    }
    for (const Runtime& runtime : runtimes) {
      char name[name_bytes_max + 1] = {};  // with the zero before it
      const std::size_t length = strlen(runtime.name);
      memcpy(name + 1, runtime.name, length);
      if (memmem(window, got, name, length + 1) != nullptr) {
        return &runtime;
      }
    }
    at += got > name_bytes_max && at + got < end ? got - name_bytes_max : got;
  }
  return nullptr;
}

struct Segments {
  Elf64_Phdr all[segments_max];
  std::size_t count;

  [[nodiscard]] const Elf64_Phdr* find(std::uint32_t type) const {
    for (std::size_t i = 0; i < count; ++i) {
      if (all[i].p_type == type) {
        return &all[i];
      }
    }
    return nullptr;
  }
  /// Where in the file the byte at an address is; 0 when it is in none of the segments.
  [[nodiscard]] std::uint64_t offset_of(std::uint64_t address) const {
    for (std::size_t i = 0; i < count; ++i) {
      const Elf64_Phdr& segment = all[i];
      if (segment.p_type == PT_LOAD && address - segment.p_vaddr < segment.p_filesz) {
        return address - segment.p_vaddr + segment.p_offset;
      }
    }
    return 0;
  }
};

template <std::size_t count>
const Runtime* find_name(const Runtime (&runtimes)[count], const File& file,
                         const Segments& segments) {
  const Elf64_Phdr* const dynamic = segments.find(PT_DYNAMIC);
  std::uint64_t names = 0;
  std::uint64_t bytes = 0;
  for (std::uint64_t i = 0; dynamic != nullptr && i < dynamic_entries_max; ++i) {
    Elf64_Dyn entry{};
    if (!file.read_object(entry, dynamic->p_offset + i * sizeof entry) || entry.d_tag == DT_NULL) {
      break;
    }
    if (entry.d_tag == DT_STRTAB) {
      names = segments.offset_of(entry.d_un.d_ptr);
    } else if (entry.d_tag == DT_STRSZ) {
      bytes = entry.d_un.d_val;
    }
  }
  return names == 0 ? nullptr : find_name(runtimes, file, names, bytes);
}

ProgramKind sanitizer_of(const File& file, const Segments& segments) {
  const Runtime* const found = find_name(sanitizers, file, segments);
  return found == nullptr ? ProgramKind::watchable : found->kind;
}

/// By the name of the loader that the program asks for.
ProgramKind library_of(const char* loader) {
  const char* const slash = strrchr(loader, '/');
  const char* const name = slash == nullptr ? loader : slash + 1;
  const auto begins_with = [name](const char* text) {
    return strncmp(name, text, strlen(text)) == 0;
  };
  if (begins_with("ld-musl")) {
    return ProgramKind::musl;
  }
  return begins_with("ld-linux") || begins_with("ld64.so") || begins_with("ld.so") ||
                 begins_with("ld-2.")
             ? ProgramKind::watchable
             : ProgramKind::other_library;
}

/// The loader itself may be started as a program, with another one as its argument.
bool is_loader(const char* path) {
  return strstr(path, "/ld-linux") != nullptr || strstr(path, "/ld.so") != nullptr;
}

/// Of a file that is ours to load: watchable, or what else it is for.
ProgramKind read_segments(const File& file, Segments& segments) {
  Elf64_Ehdr header{};
  if (file.read(&header, sizeof header, 0) < EI_NIDENT + 2 * sizeof(Elf64_Half)) {
    return ProgramKind::watchable;
  }
  if (header.e_ident[EI_DATA] != ELFDATA2LSB && header.e_ident[EI_DATA] != ELFDATA2MSB) {
    return ProgramKind::watchable;
  }
  constexpr unsigned char own_order =
      __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
  if (header.e_ident[EI_DATA] != own_order) {
    return ProgramKind::other_machine;
  }
  if (header.e_ident[EI_CLASS] != own_class) {
    return header.e_machine == own_machine || header.e_machine == EM_386
               ? ProgramKind::other_class
               : ProgramKind::other_machine;
  }
  if (header.e_machine != own_machine) {
    return ProgramKind::other_machine;
  }
  segments.count = header.e_phnum < segments_max ? header.e_phnum : segments_max;
  const std::size_t bytes = segments.count * sizeof(Elf64_Phdr);
  if (header.e_phentsize != sizeof(Elf64_Phdr) ||
      file.read(segments.all, bytes, header.e_phoff) != bytes) {
    segments.count = 0;
  }
  return ProgramKind::watchable;
}

ProgramKind elf_kind(const File& file, const char* path) {
  Segments segments{};
  if (const ProgramKind kind = read_segments(file, segments);
      kind != ProgramKind::watchable || segments.count == 0) {
    return kind;
  }
  const Elf64_Phdr* const interpreter = segments.find(PT_INTERP);
  if (interpreter == nullptr) {
    return is_loader(path) ? ProgramKind::watchable : ProgramKind::linked_statically;
  }
  char loader[PATH_MAX];
  if (file.read_text(loader, sizeof loader, interpreter->p_offset)) {
    if (const ProgramKind kind = library_of(loader); kind != ProgramKind::watchable) {
      return kind;
    }
  }
  if (const ProgramKind kind = sanitizer_of(file, segments); kind != ProgramKind::watchable) {
    return kind;
  }
  return file.changes_user() ? ProgramKind::other_user : ProgramKind::watchable;
}

/// The interpreter of a first line `#! /bin/sh -e`; null when there is none.
const char* interpreter_in(char* line) {
  char* at = line + 2;
  at += strspn(at, " \t");
  at[strcspn(at, " \t\n")] = '\0';
  return *at == '\0' ? nullptr : at;
}

/// What `ask` says of the ELF file that is executed for a path; `otherwise` where there is none.
template <typename Answer>
Answer of_executed(const char* path, Answer (*ask)(const File&, const char*), Answer otherwise) {
  char line[line_bytes];
  char name[line_bytes];
  for (int i = 0; i < scripts_max; ++i) {
    const File file(path);
    if (!file.read_text(line, sizeof line, 0)) {
      return otherwise;
    }
    if (memcmp(line, ELFMAG, SELFMAG) == 0) {
      return ask(file, path);
    }
    const char* const next = line[0] == '#' && line[1] == '!' ? interpreter_in(line) : nullptr;
    if (next == nullptr) {
      return otherwise;
    }
    memcpy(name, next, strlen(next) + 1);  // both have the bytes of a line
    path = name;
  }
  return otherwise;
}

bool asks_for_allocator(const File& file, const char* /*path*/) {
  Segments segments{};
  return read_segments(file, segments) == ProgramKind::watchable &&
         find_name(allocators, file, segments) != nullptr;
}

}  // namespace

ProgramKind program_kind(const char* path) noexcept {
  return of_executed(path, elf_kind, ProgramKind::watchable);
}

ProgramKind library_kind(const char* path) noexcept {
  const File file(path);
  char magic[SELFMAG];
  Segments segments{};
  return file.read_object(magic, 0) && memcmp(magic, ELFMAG, SELFMAG) == 0 &&
                 read_segments(file, segments) == ProgramKind::watchable
             ? sanitizer_of(file, segments)
             : ProgramKind::watchable;
}

bool brings_allocator(const char* path) noexcept {
  return of_executed(path, asks_for_allocator, false);
}

bool is_allocator(const char* path) noexcept {
  const char* const slash = strrchr(path, '/');
  const char* const name = slash == nullptr ? path : slash + 1;
  for (const Runtime& allocator : allocators) {
    if (strncmp(name, allocator.name, strlen(allocator.name)) == 0) {
      return true;
    }
  }
  return false;
}

bool find_program(const char* name, const char* search, char* path,
                  unsigned long path_bytes) noexcept {
  const std::size_t length = strlen(name);
  if (length == 0 || length >= path_bytes) {
    return false;
  }
  if (strchr(name, '/') != nullptr) {
    memcpy(path, name, length + 1);
    return true;
  }
  const char* folder = search != nullptr ? search : "/bin:/usr/bin";
  for (;;) {
    const std::size_t bytes = strcspn(folder, ":");
    if (bytes + length + 2 <= path_bytes) {
      memcpy(path, folder, bytes);
      char* at = path + bytes;
      if (bytes > 0) {
        *at++ = '/';
      }
      memcpy(at, name, length + 1);
      struct stat status {};
      if (stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0) {
        return true;
      }
    }
    if (folder[bytes] == '\0') {
      return false;
    }
    folder += bytes + 1;
  }
}

}  // namespace heapwatch::preload
