// Names of functions, from the symbol tables of the files that are mapped.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace heapwatch::memory::native {

/// Reads each file once, when it is first asked about. ELF files of 64 bits; a file that is none,
/// or cannot be read, has no names.
///
/// Threads: not safe.
class Symbols {
 public:
  Symbols();
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;
  ~Symbols();

  struct Function {
    std::string name;          // as people read it
    std::string system_name;   // as the linker does
    std::uint64_t offset = 0;  // of the place in the function
  };
  /// The function at an offset in a file; null when its table has none there. Holds until the next
  /// call.
  [[nodiscard]] const Function* find(const std::string& path, std::uint64_t file_offset);

 private:
  class File;
  std::map<std::string, std::unique_ptr<File>> files_;
  Function found_;
};

}  // namespace heapwatch::memory::native
