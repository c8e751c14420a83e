// symbols_cli [-full] [-folder=FOLDER] FILE: for each address on the standard input, as the file
// counts, what `addr2line -aif` prints: the address, and a name and a place for each frame. With
// -full the demangled names.
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "symbols/symbolizer.h"

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  heapwatch::symbols::SymbolizerOptions options;
  bool full = false;
  std::string path;
  for (const std::string& arg : args) {
    if (arg == "-full") {
      full = true;
    } else if (arg.starts_with("-folder=")) {
      options.debug_folders = {arg.substr(8)};
    } else {
      path = arg;
    }
  }
  heapwatch::symbols::Symbolizer symbolizer(options);
  std::ios::sync_with_stdio(false);
  for (std::uint64_t address = 0; std::cin >> std::hex >> address;) {
    const auto frames = symbolizer.frames({.path = path}, address);
    if (!frames) {
      std::cerr << frames.error().message << '\n';
      return 1;
    }
    std::cout << "0x" << std::hex << address << std::dec << '\n';
    for (const auto& frame : *frames) {
      std::cout << (full ? frame.function : frame.system_name) << '\n'
                << (frame.file.empty() ? "??" : frame.file) << ':' << frame.line << '\n';
    }
    if (frames->empty()) {
      std::cout << "??\n??:0\n";
    }
  }
  if (const std::string missing = symbolizer.missing_lines({.path = path}); !missing.empty()) {
    std::cerr << missing << '\n';
  }
  return 0;
}
