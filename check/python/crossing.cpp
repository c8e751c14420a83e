#include "check/python/crossing.h"

#include <cstring>

namespace heapwatch::check::python {

namespace {

struct Functions {
  void* (*allocate)(std::size_t) noexcept = nullptr;
  void (*release)(void*) noexcept = nullptr;
};

Functions& functions() {
  static Functions instance;
  return instance;
}

}  // namespace

void set_crossing_memory(const Services& services) {
  functions() = {.allocate = services.allocate, .release = services.release};
}

void* allocate_crossing(std::size_t bytes) noexcept {
  // Set before Python starts: NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage)
  return functions().allocate(bytes);
}

void release_crossing(void* block) noexcept {
  if (block != nullptr) {
    // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): as above
    functions().release(block);
  }
}

CrossingText crossing_text(std::string_view text) noexcept {
  auto* const copy = static_cast<char*>(allocate_crossing(text.size() + 1));
  if (copy != nullptr) {
    std::memcpy(copy, text.data(), text.size());
    copy[text.size()] = '\0';
  }
  return CrossingText(copy);
}

Object text_to_python(std::string_view text) {
  const CrossingText crossing = crossing_text(text);
  if (!crossing) {
    PyErr_NoMemory();
    return nullptr;
  }
  return make_text({crossing.get(), text.size()});
}

}  // namespace heapwatch::check::python
