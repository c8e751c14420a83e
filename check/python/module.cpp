// Maps the shared object that holds the interpreter.
#include <dlfcn.h>

#include "check/python/host.h"

namespace heapwatch::check::python {

base::Result<Host*> load_host(const std::filesystem::path& file, const Services& services) {
  // Global: Python's own extension modules do not name libpython and find it in the global scope.
  void* const module = dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (module == nullptr) {
    return base::fail(base::ErrorKind::io, std::string("cannot load Python: ") + dlerror());
  }
  void* const symbol = dlsym(module, start_host_symbol);
  if (symbol == nullptr) {
    return base::fail(base::ErrorKind::io, "cannot load Python: \"" + file.string() +
                                               "\" is not heapwatch's Python module");
  }
  base::Result<Host*> started = nullptr;
  reinterpret_cast<StartHost>(symbol)(services, started);
  return started;
}

}  // namespace heapwatch::check::python
