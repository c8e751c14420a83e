// CPython exports _PyRuntime since 3.7. Its version stands as one hexadecimal word in Py_Version
// since 3.11 (0x030b02f0: 3.11.2, final); before that the name of the file tells. Source:
// python/cpython:Include/patchlevel.h, Python/getversion.c.
#include "memory/pymalloc/interpreter.h"

#include <algorithm>
#include <string_view>

namespace heapwatch::memory::pymalloc {

namespace {

std::string version_of_word(std::uint32_t word) {
  return std::to_string(word >> 24) + "." + std::to_string(word >> 16 & 0xff) + "." +
         std::to_string(word >> 8 & 0xff);
}

/// "libpython3.9.so.1.0" and "python3.9" as "3.9".
std::string version_of_name(std::string_view name) {
  constexpr std::string_view python = "python";
  const std::size_t at = name.find(python);
  if (at == name.npos) {
    return {};
  }
  name.remove_prefix(at + python.size());
  std::size_t size = 0;
  while (size < name.size() && (name[size] == '.' || (name[size] >= '0' && name[size] <= '9'))) {
    ++size;
  }
  while (size > 0 && name[size - 1] == '.') {
    --size;
  }
  return std::string(name.substr(0, size));
}

}  // namespace

std::optional<Interpreter> find_interpreter(const process::ProcessView& view) {
  process::Words words(view);
  for (const process::Module& module : process::find_modules(view)) {
    process::Symbols symbols(words, module);
    if (!symbols.find("_PyRuntime")) {
      continue;
    }
    Interpreter found{.module = module, .version = version_of_name(module.base_name())};
    const auto address = symbols.find("Py_Version");
    if (const auto word = address ? words.u32(*address) : std::nullopt; word && *word >> 24 == 3) {
      found.version = version_of_word(*word);
    }
    return found;
  }
  return std::nullopt;
}

}  // namespace heapwatch::memory::pymalloc
