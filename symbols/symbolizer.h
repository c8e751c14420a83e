// Addresses of native code to functions, files, lines and what was inlined.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "symbols/debug_files.h"
#include "symbols/demangle.h"
#include "symbols/disassembler.h"
#include "symbols/dwarf.h"
#include "symbols/frame.h"

namespace heapwatch::symbols {

/// A file as a process has mapped it. A mapping that is not known (start and offset 0, limit 0 or
/// the highest address) means that addresses are those of the file.
struct Module {
  std::string path{};
  std::string build_id{};  // in hexadecimal digits; empty: not known
  std::uint64_t start = 0;
  std::uint64_t limit = 0;
  std::uint64_t offset = 0;  // of the file's byte at `start`
};

/// A function in a file. Addresses are those of the file.
struct FunctionCode {
  std::vector<std::string> names{};  // one, or more for one place
  std::uint64_t start = 0;
  std::uint64_t limit = 0;
};

struct SymbolizerOptions {
  std::vector<std::string> debug_folders = {"/usr/lib/debug"};
  FindDebugFile find_debug_file{};  // for what is in none of the folders
  bool lines = true;                // false: names of functions alone, from symbol tables
  Demangle demangle = Demangle::full;
  std::size_t modules_max = 64;  // that are kept open
  std::size_t bytes_max = std::size_t{1} << 30U;
  DwarfLimits dwarf{};
};

/// Keeps what it has read of files, by build id, up to limits; the one that was not asked for the
/// longest goes first.
///
/// Threads: not safe.
class Symbolizer {
 public:
  explicit Symbolizer(SymbolizerOptions options = {});
  Symbolizer(const Symbolizer&) = delete;
  Symbolizer& operator=(const Symbolizer&) = delete;
  ~Symbolizer();

  /// The functions at an address of a process, innermost first. Empty: not known. A return address
  /// is one too far: what was called may end its function.
  /// Errors: those of the module: not_found, io, invalid (no ELF file, or one of another build id).
  [[nodiscard]] base::Result<std::vector<Frame>> frames(const Module& module,
                                                        std::uint64_t address);
  /// Reads the head of a module's file. Errors: as of frames().
  [[nodiscard]] base::Result<void> open(const Module& module);
  /// Where an address of a process is in the file; nothing: it is not of the file.
  /// Errors: as of frames().
  [[nodiscard]] base::Result<std::optional<std::uint64_t>> address_in_file(const Module& module,
                                                                           std::uint64_t address);
  /// The functions that are wanted by a name of theirs, as the linker knows it or as people read
  /// it, by address. Errors: as of frames().
  [[nodiscard]] base::Result<std::vector<FunctionCode>> functions(
      const Module& module, const std::function<bool(const std::string& name)>& is_wanted);
  /// The instructions between two addresses of the file.
  /// Errors: those of frames() and of disassembled(), limit for more than 16 MiB.
  [[nodiscard]] base::Result<std::vector<Instruction>> instructions(const Module& module,
                                                                    std::uint64_t start,
                                                                    std::uint64_t limit,
                                                                    bool intel_syntax);
  /// Why the names of a module that is open come without files and lines; empty: they do not, or
  /// its file has none. For people.
  [[nodiscard]] std::string missing_lines(const Module& module);
  /// Forgets files until what is kept takes no more than this.
  void keep(std::size_t bytes_max);

 private:
  class File;
  using Files = std::list<std::shared_ptr<File>>;

  [[nodiscard]] base::Result<std::shared_ptr<File>> file_of(const Module& module);
  void shrink(std::size_t bytes_max, std::size_t modules_min);

  SymbolizerOptions options_;
  Files files_;  // what was asked for last is first
  std::unordered_map<std::string, Files::iterator> by_key_;
  std::unordered_map<std::string, base::Error> failed_;
};

}  // namespace heapwatch::symbols
