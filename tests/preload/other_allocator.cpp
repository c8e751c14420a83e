// An allocator that a program brings along, as jemalloc is: the usual functions, and special ones
// of its own. It aborts over a block that is not its own.
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

struct alignas(16) Head {
  std::size_t magic;
  std::size_t size;
};
constexpr std::size_t magic = 0x6f74686572;

alignas(16) char arena[1 << 24];
std::size_t used = 0;
std::size_t freed = 0;

Head& head_of(void* block) {
  auto* const head = static_cast<Head*>(block) - 1;
  if (static_cast<char*>(block) < arena || static_cast<char*>(block) >= arena + sizeof arena ||
      head->magic != magic) {
    std::abort();
  }
  return *head;
}

void give_back(void* block) {
  if (block != nullptr) {
    Head& head = head_of(block);
    freed += head.size;
    head.magic = 0;
  }
}

}  // namespace

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): its own begin with __
extern "C" {

void* other_make(std::size_t size) {
  auto* const head = reinterpret_cast<Head*>(arena + used);
  used += sizeof(Head) + ((size + 15) & ~std::size_t{15});
  *head = {magic, size};
  return head + 1;
}

std::size_t other_freed() {
  return freed;
}

void* malloc(std::size_t size) {
  return other_make(size);
}

void free(void* block) {
  give_back(block);
}

std::size_t malloc_usable_size(void* block) {
  return block == nullptr ? 0 : head_of(block).size;
}

void* calloc(std::size_t count, std::size_t size) {
  return std::memset(other_make(count * size), 0, count * size);
}

void* realloc(void* block, std::size_t size) {
  void* const moved = other_make(size);
  if (block != nullptr) {
    const std::size_t held = head_of(block).size;
    std::memcpy(moved, block, held < size ? held : size);
    give_back(block);
  }
  return moved;
}

}  // extern "C"
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
