#define MEMTRACK_ALLOW_RAW  // errors are malloc'ed by the library, and freed here

#include "check/shared_library/library.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <exception>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "memtrack/memtrack.h"

namespace heapwatch::check::shared_library {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::string_view file_prefix = "libdatadog-agent-";
constexpr std::string_view file_suffix = ".so";
constexpr std::size_t name_bytes_max = 128;
constexpr std::size_t version_bytes_max = 256;
constexpr std::size_t error_bytes_max = std::size_t{16} * 1024;

/// A copy on the books of the C and C++ space, which a library may write into.
class CrossingText {
 public:
  explicit CrossingText(const std::string& text) : text_(strdupe(text.c_str()), &_free) {}
  [[nodiscard]] char* get() const { return text_.get(); }

 private:
  std::unique_ptr<char, decltype(&_free)> text_;
};

std::string cut(const char* text, std::size_t bytes_max) {
  return {text, strnlen(text, bytes_max)};
}

/// What a library said is wrong; empty when it said nothing.
std::string take_error(const char* error) {
  if (error == nullptr) {
    return {};
  }
  std::string text = cut(error, error_bytes_max);
  std::free(const_cast<char*>(error));
  return text.empty() ? "an error without a text" : text;
}

/// The file is one of its folder itself, also behind links.
Result<void> check_place(const std::filesystem::path& file) {
  std::error_code failure;
  if (!std::filesystem::exists(file, failure)) {
    return fail(ErrorKind::not_found, file.string() + ": No such file or directory");
  }
  if (!std::filesystem::is_regular_file(file, failure)) {
    return fail(ErrorKind::refused, file.string() + ": is no regular file");
  }
  const auto real_folder = std::filesystem::canonical(file.parent_path(), failure);
  const auto real_file = std::filesystem::canonical(file, failure);
  if (failure || real_file.parent_path() != real_folder) {
    return fail(ErrorKind::refused, file.string() + ": leads out of its folder, to " +
                                        real_file.string() + "; a library must lie in it");
  }
  return {};
}

/// Refuses what a copy left half done: it would be mapped, and kill us where the file has no more.
Result<void> refuse_cut_short(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  ElfW(Ehdr) header{};
  if (!in.read(reinterpret_cast<char*>(&header), sizeof header) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_phentsize != sizeof(ElfW(Phdr))) {
    return {};  // no library of this machine, which dlopen() tells
  }
  std::vector<ElfW(Phdr)> segments(header.e_phnum);
  std::uint64_t end = header.e_phoff + (segments.size() * sizeof(ElfW(Phdr)));
  in.seekg(static_cast<std::streamoff>(header.e_phoff));
  if (in.read(reinterpret_cast<char*>(segments.data()),
              static_cast<std::streamsize>(segments.size() * sizeof(ElfW(Phdr))))) {
    for (const ElfW(Phdr) & segment : segments) {
      if (segment.p_type == PT_LOAD) {
        end = std::max<std::uint64_t>(end, segment.p_offset + segment.p_filesz);
      }
    }
  }
  std::error_code failure;
  const std::uintmax_t size = std::filesystem::file_size(file, failure);
  if (!failure && size < end) {
    return fail(ErrorKind::invalid, file.string() + ": is cut short: it has " +
                                        std::to_string(size) + " of at least " +
                                        std::to_string(end) + " bytes; copy it again");
  }
  return {};
}

Result<void*> function(void* handle, const char* symbol, const std::string& file) {
  void* const address = dlsym(handle, symbol);
  const std::string expected =
      std::string(symbol) == "Run"
          ? "void Run(char*, char*, char*, const aggregator_t*, const char**)"
          : "const char* Version(const char**)";
  if (address == nullptr) {
    return fail(ErrorKind::invalid, file + ": does not export " + symbol + "; a check exports " +
                                        expected + " with C linkage");
  }
  Dl_info info{};
  void* entry = nullptr;
  const bool known = dladdr1(address, &info, &entry, RTLD_DL_SYMENT) != 0 && entry != nullptr;
  const auto* const found = static_cast<const ElfW(Sym)*>(entry);
  if (known && ELF64_ST_TYPE(found->st_info) != STT_FUNC &&
      ELF64_ST_TYPE(found->st_info) != STT_GNU_IFUNC) {
    return fail(ErrorKind::invalid,
                file + ": " + symbol + " is no function; a check exports " + expected);
  }
  return address;
}

Result<std::string> ask_version(version_function_t* version, const std::string& file) {
  const char* error = nullptr;
  const char* text = nullptr;
  try {
    text = version(&error);
  } catch (...) {
    return fail(ErrorKind::invalid, file + ": Version let an exception out");
  }
  if (const std::string said = take_error(error); !said.empty()) {
    return fail(ErrorKind::invalid, file + ": Version failed: " + said);
  }
  if (text == nullptr || *text == '\0') {
    return fail(ErrorKind::invalid, file + ": Version returned no text and no error");
  }
  return cut(text, version_bytes_max);
}

/// What a mapped library gave; one for all instances of its check.
struct Entries {
  run_function_t* run = nullptr;
  std::string version;
};

Result<Entries> entries_of(const std::filesystem::path& file, const std::string& shown) {
  void* const handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* const why = dlerror();  // NOLINT(concurrency-mt-unsafe): is the thread's own
    return fail(ErrorKind::invalid,
                shown + ": cannot be loaded: " + (why == nullptr ? "no reason is known" : why));
  }
  static std::mutex mutex;
  static auto* const loaded = new std::unordered_map<void*, Entries>;  // as long as what is mapped
  const std::lock_guard lock(mutex);
  if (const auto found = loaded->find(handle); found != loaded->end()) {
    return found->second;
  }
  const auto run = function(handle, "Run", shown);
  const auto version = run ? function(handle, "Version", shown) : run;
  if (!version) {
    return tl::unexpected(version.error());
  }
  auto text = ask_version(reinterpret_cast<version_function_t*>(*version), shown);
  if (!text) {
    return tl::unexpected(text.error());
  }
  return loaded
      ->emplace(handle, Entries{.run = reinterpret_cast<run_function_t*>(*run),
                                .version = *std::move(text)})
      .first->second;
}

}  // namespace

bool is_check_name(std::string_view name) {
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= name_bytes_max && is_alphanumeric(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_alphanumeric(c) || c == '_' || c == '-'; });
}

std::string file_name_of(std::string_view check_name) {
  return std::string(file_prefix).append(check_name).append(file_suffix);
}

Result<Library> Library::open(const std::filesystem::path& folder, std::string_view name,
                              CodeTrust trust) {
  if (!is_check_name(name)) {
    return fail(ErrorKind::not_found, "no library can hold a check of the name \"" +
                                          std::string(name) +
                                          "\": letters, digits, \"_\" and \"-\" are allowed");
  }
  const auto file = folder / file_name_of(name);
  std::error_code failure;
  if (trust == CodeTrust::ours && std::filesystem::exists(file, failure)) {
    if (const auto ours = check_owners(file); !ours) {
      return tl::unexpected(ours.error());
    }
  }
  return open_file(file);
}

/// Afterwards the library is loaded by its path, not by a descriptor: nobody else can exchange what
/// that leads to, and what the library asks for beside itself ($ORIGIN) is found.
Result<void> Library::check_owners(const std::filesystem::path& file) {
  const auto folder = open_code(file.parent_path());
  const auto library = folder ? open_code(file) : tl::unexpected(folder.error());
  return library ? Result<void>() : tl::unexpected(library.error());
}

Result<Library> Library::open_file(const std::filesystem::path& file) {
  const std::string shown = file.string();
  std::string_view name;
  const std::string file_name = file.filename().string();
  if (file_name.starts_with(file_prefix) && file_name.ends_with(file_suffix) &&
      file_name.size() > file_prefix.size() + file_suffix.size()) {
    name = std::string_view{file_name}.substr(
        file_prefix.size(), file_name.size() - file_prefix.size() - file_suffix.size());
  }
  if (!is_check_name(name)) {
    return fail(ErrorKind::invalid,
                shown +
                    ": the file must be called libdatadog-agent-NAME.so, NAME of letters, "
                    "digits, \"_\" and \"-\", the first a letter or digit");
  }
  const auto absolute = std::filesystem::absolute(file);
  auto entries =
      check_place(absolute).and_then([&] { return refuse_cut_short(absolute); }).and_then([&] {
        return entries_of(absolute, shown);
      });
  if (!entries) {
    return tl::unexpected(entries.error());
  }
  Library library;
  library.name_ = name;
  library.version_ = std::move(entries->version);
  library.run_ = entries->run;
  return library;
}

Result<void> Library::run(const std::string& check_id, const std::string& init_config,
                          const std::string& instance, const aggregator_t& aggregator) const {
  const CrossingText id(check_id);
  const CrossingText init(init_config);
  const CrossingText of_instance(instance);
  if (id.get() == nullptr || init.get() == nullptr || of_instance.get() == nullptr) {
    return fail(ErrorKind::limit, "no memory for the configuration of the check");
  }
  const char* error = nullptr;
  std::string said;
  try {
    run_(id.get(), init.get(), of_instance.get(), &aggregator, &error);
    said = take_error(error);
  } catch (const std::exception& thrown) {
    (void)take_error(error);
    said = std::string("Run let an exception out: ") + thrown.what();
  } catch (...) {
    (void)take_error(error);
    said = "Run let an exception out";
  }
  if (!said.empty()) {
    return fail(ErrorKind::refused, std::move(said));
  }
  return {};
}

}  // namespace heapwatch::check::shared_library
