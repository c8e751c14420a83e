// As domains.cpp has it, a hook calls the functions that were in the table before it, keeps their
// context, and can be put in place at any time. But it only looks whether a block is a sample: one
// subtraction when it is made, and a look at its word when it is freed (memtrack/small_blocks.h).
// So no block has to be told from another by where it comes from. MEM and OBJ call the hook of RAW
// for what is large; it leaves that to them.
#include "preload/python/sampled_domains.h"

#include "memtrack/interpreter.h"
#include "memtrack/run.h"
#include "memtrack/sampler.h"
#include "memtrack/small_blocks.h"
#include "preload/python/api.h"
#include "preload/python/domains.h"

namespace heapwatch::preload::python::sampled {

namespace {

namespace small = memtrack::small;

constexpr std::size_t pymalloc_max = 512;
constinit Allocator below[domains]{};  // whom the hooks call on

/// While it lives, the hook of RAW is called by another.
class Nesting {
 public:
  explicit Nesting(unsigned domain) : before_(memtrack::thread_state.owner) {
    memtrack::thread_state.owner = small::component_of_kind(domain);
  }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;
  ~Nesting() { memtrack::thread_state.owner = before_; }

 private:
  std::uint32_t before_;
};

bool is_nested() {
  return memtrack::interpreter::owns(memtrack::component_of(memtrack::thread_state.owner));
}

/// The functions of one domain.
template <Domain domain>
struct Hook {
  static bool is_small(std::size_t size) { return domain != raw && size - 1 < pymalloc_max; }

  static void* malloc(void* context, std::size_t size) noexcept {
    if (!is_small(size)) [[unlikely]] {
      return allocate(size, __builtin_return_address(0),
                      [&] { return below[domain].malloc(context, size); });
    }
    return noted(below[domain].malloc(context, size), size, memtrack::Caller{});
  }

  static void* calloc(void* context, std::size_t count, std::size_t size) noexcept {
    std::size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) {
      bytes = 0;  // what is below refuses it
    }
    if (!is_small(bytes)) [[unlikely]] {
      return allocate(bytes, __builtin_return_address(0),
                      [&] { return below[domain].calloc(context, count, size); });
    }
    return noted(below[domain].calloc(context, count, size), bytes, memtrack::Caller{});
  }

  static void* realloc(void* context, void* block, std::size_t size) noexcept {
    if (small::may_be_sample(block)) [[unlikely]] {
      return move(context, block, size, __builtin_return_address(0));
    }
    if (!is_small(size)) [[unlikely]] {
      return allocate(size, __builtin_return_address(0),
                      [&] { return below[domain].realloc(context, block, size); });
    }
    return noted(below[domain].realloc(context, block, size), size, memtrack::Caller{});
  }

  static void free(void* context, void* block) noexcept {
    if (small::may_be_sample(block)) [[unlikely]] {
      small::forget_sample(block);
    }
    below[domain].free(context, block);
  }

  static void install() {
    Allocator mine{};
    api.get_allocator(domain, &mine);
    below[domain] = mine;
    mine.malloc = malloc;
    mine.calloc = calloc;
    mine.realloc = realloc;
    mine.free = free;
    api.set_allocator(domain, &mine);
  }

 private:
  template <typename CallerType>
  [[gnu::always_inline]] static void* noted(void* block, std::size_t size, CallerType caller) {
    return block == nullptr ? nullptr : small::note(block, size, domain, caller);
  }

  template <typename Call>
  [[gnu::always_inline]] static void* allocate(std::size_t size, const void* caller,
                                               const Call& call) {
    if (domain == raw) {
      void* const block = call();
      return is_nested() ? block : noted(block, size, caller);
    }
    void* block = nullptr;
    {
      const Nesting nesting(domain);
      block = call();
    }
    return noted(block, size, caller);
  }

  [[gnu::noinline]] static void* move(void* context, void* block, std::size_t size,
                                      const void* caller) {
    // Off the books at once: another thread may be given the old address as soon as it is free.
    const memtrack::live::Former former = small::take_off_sample(block);
    void* const moved =
        allocate(size, caller, [&] { return below[domain].realloc(context, block, size); });
    if (moved == nullptr) {
      small::restore_sample(block, former);
    }
    return moved;
  }
};

const void* pointer_to(std::uintptr_t address) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): as extensions report it
  return reinterpret_cast<const void*>(address);
}

}  // namespace

void hook_domains() noexcept {
  Hook<raw>::install();
  Hook<mem>::install();
  Hook<object>::install();
}

void note_tracked(std::uintptr_t address, std::size_t size) noexcept {
  forget_tracked(address);
  const void* const block = pointer_to(address);
  // One that CPython's allocators made stays what it is.
  if (!small::may_be_sample(block)) {
    (void)small::note(const_cast<void*>(block), size, tracked, __builtin_return_address(0));
  }
}

void forget_tracked(std::uintptr_t address) noexcept {
  const void* const block = pointer_to(address);
  if (!small::may_be_sample(block)) {
    return;
  }
  const memtrack::Record* const record = memtrack::sampler::find(block);
  if (record != nullptr && record->component == small::component_of_kind(tracked)) {
    small::forget_sample(block);
  }
}

}  // namespace heapwatch::preload::python::sampled
