// A module that leaks and is unloaded.
#include <cstdlib>

extern "C" void leak_in_module() {
  for (int i = 0; i < 7; ++i) {
    void* block = std::malloc(12345);
    asm volatile("" : "+r"(block) : : "memory");
  }
}
