// Any bytes as a name: every style of demangling ends, and what none changes stays.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "symbols/demangle.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace symbols = heapwatch::symbols;
  const std::string name(reinterpret_cast<const char*>(data), size);
  if (symbols::demangled(name, symbols::Demangle::none) != name) {
    std::abort();
  }
  for (const auto style :
       {symbols::Demangle::simple, symbols::Demangle::templates, symbols::Demangle::full}) {
    (void)symbols::demangled(name, style);
    (void)symbols::shortened(name, style);
  }
  (void)symbols::demangled_rust("_R" + name);
  (void)symbols::demangled_legacy_rust("_ZN" + name);
  return 0;
}
