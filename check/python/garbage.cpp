#include "check/python/garbage.h"

#include <dlfcn.h>

namespace heapwatch::check::python {

void collect_garbage() {
  if (void* const symbol = dlsym(RTLD_DEFAULT, collect_garbage_symbol)) {
    reinterpret_cast<CollectGarbage>(symbol)();
  }
}

}  // namespace heapwatch::check::python
