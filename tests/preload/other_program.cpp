// A program with an allocator of its own: in a library, or (built with OWN_MALLOC) in itself.
#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" void* other_make(std::size_t size);
extern "C" std::size_t other_freed();

namespace {

void expect(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "not so: %s\n", what);
    std::exit(3);
  }
}

}  // namespace

int main() {
  void* volatile block = std::malloc(100);
  expect(malloc_usable_size(block) >= 100, "malloc's block has its size");
  std::memset(block, 1, malloc_usable_size(block));
  std::free(block);

  const std::size_t before = other_freed();
  block = other_make(1000);
  expect(malloc_usable_size(block) == 1000, "a special block has its size");
  std::free(block);
  expect(other_freed() - before == 1000, "free() takes a special block back to where it is from");

  char* text = static_cast<char*>(other_make(50));
  std::strcpy(text, "kept");
  text = static_cast<char*>(std::realloc(text, 5000));
  expect(std::strcmp(text, "kept") == 0, "realloc() keeps what a special block holds");
  expect(other_freed() - before == 1050, "realloc() takes a special block back");
  std::free(text);
  std::puts("done");
  return 0;
}
