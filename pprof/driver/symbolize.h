// Names for profiles that come without: by the files of the program, or by the program itself.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "pprof/filter.h"
#include "pprof/profile.h"

namespace heapwatch::pprof {

/// The file of a mapping, as the process had it.
struct MappedFile {
  std::string path{};
  std::string build_id{};
  std::uint64_t start = 0;
  std::uint64_t limit = 0;
  std::uint64_t offset = 0;
};

/// A function at an address.
struct NamedFrame {
  std::string system_name;
  std::string file;
  std::int64_t line = 0;
  std::int64_t start_line = 0;
};

enum class NameStyle : std::uint8_t { none, simple, templates, full };

/// Who knows names.
struct SymbolSeams {
  /// Whether a file can be read and is the one. Errors in words for people. Without it no file is
  /// asked.
  std::function<base::Result<void>(const MappedFile& file)> open{};
  /// The functions at an address of the process, innermost first; empty: not known. With `is_fast`
  /// without files and lines.
  std::function<std::vector<NamedFrame>(const MappedFile& file, std::uint64_t address,
                                        bool is_fast)>
      frames{};
  /// A name of the linker's as people read it.
  std::function<std::string(const std::string& name, NameStyle style)> demangle{};
  /// The answer to a POST. Without it no program is asked.
  std::function<base::Result<std::string>(const std::string& url, const std::string& body)> post{};
};

/// What `-symbolize` asks for.
struct SymbolizeMode {
  bool local = true;
  bool remote = true;
  bool fast = false;
  bool force = false;
  NameStyle style = NameStyle::simple;
  bool renames = false;  // also what has names, from those of the linker
};
/// `none`, or `local`, `fastlocal`, `remote`, `force` and `demangle=...` with colons between. What
/// is not known is told and left out, as pprof does.
[[nodiscard]] SymbolizeMode parse_symbolize_mode(const std::string& text, const Warn& warn);

struct SymbolizeRequest {
  SymbolizeMode mode{};
  std::string source_url{};    // where the profile came from; empty: a file
  std::string binary_folders;  // $PPROF_BINARY_PATH, folders with colons between
};

/// Names the locations without lines, and those that have some when it is forced.
void symbolize(Profile& profile, const SymbolizeRequest& request, const SymbolSeams& seams,
               const Warn& warn);

/// Where a program that serves profiles at `url` tells names: `/debug/pprof/symbol` of Go,
/// `/pprof/symbol` of gperftools, else `symbolz` beside the profile. Empty: nowhere.
[[nodiscard]] std::string symbol_url(const std::string& url);

}  // namespace heapwatch::pprof
