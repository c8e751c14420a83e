// How a pool is recognised without symbols.
//
// A pool begins with a header of 48 bytes on a border of its own size, 4 KiB up to CPython 3.9, 16
// KiB since. The header holds the number of live blocks, the list of those that were freed, the
// size class, how far the pool has been cut into blocks, and how far it can be. These are
// redundant: the last block's place follows from the size class and tells the pool's size; what has
// been cut, less the length of the free list, is the number of live blocks. No other memory has all
// that by chance, and what a hostile process forges costs one look at 16 KiB a page.
//
// Source: python/cpython:Include/internal/pycore_obmalloc.h (pool_header).
#include "memory/pymalloc/pools.h"

#include <bitset>
#include <cstring>
#include <optional>

namespace heapwatch::memory::pymalloc {

namespace {

constexpr std::uint32_t alignment = 16;
constexpr std::uint32_t classes = 32;
constexpr std::uint32_t small_pool = 4096;
constexpr std::uint32_t large_pool = 16384;
static_assert(large_pool <= process::Window::bytes_min);

struct Header {
  std::uint32_t count;
  std::uint32_t zero;
  std::uint64_t free_block;
  std::uint64_t next;
  std::uint64_t previous;
  std::uint32_t arena;
  std::uint32_t size_class;
  std::uint32_t next_offset;
  std::uint32_t last_offset;
};
static_assert(sizeof(Header) == pool_header_bytes);

/// A pool as its header has it, when the numbers fit each other.
std::optional<Pool> pool_of(const Header& header, std::uint64_t address) {
  if (header.count == 0 || header.zero != 0 || header.size_class >= classes) {
    return std::nullopt;
  }
  const std::uint32_t block_bytes = (header.size_class + 1) * alignment;
  const std::uint64_t bytes = std::uint64_t{header.last_offset} + block_bytes;
  const bool fits = (bytes == small_pool || bytes == large_pool) && address % small_pool == 0 &&
                    header.next_offset >= pool_header_bytes + block_bytes &&
                    header.next_offset <= bytes &&
                    (header.next_offset - pool_header_bytes) % block_bytes == 0 &&
                    header.count <= (header.next_offset - pool_header_bytes) / block_bytes;
  if (!fits) {
    return std::nullopt;
  }
  return Pool{.begin = address,
              .bytes = static_cast<std::uint32_t>(bytes),
              .block_bytes = block_bytes,
              .live = header.count,
              .arena = header.arena};
}

using Blocks = std::bitset<large_pool / alignment>;

/// The blocks in the free list; nothing when it leaves the pool's blocks or has a circle.
std::optional<Blocks> freed_blocks(std::span<const std::byte> bytes, const Header& header,
                                   const Pool& pool) {
  Blocks seen;
  for (std::uint64_t at = header.free_block; at != 0;) {
    const std::uint64_t offset = at - pool.begin;
    if (at < pool.begin || offset < pool_header_bytes || offset >= header.next_offset ||
        (offset - pool_header_bytes) % pool.block_bytes != 0) {
      return std::nullopt;
    }
    const std::size_t block = (offset - pool_header_bytes) / pool.block_bytes;
    if (seen.test(block)) {
      return std::nullopt;
    }
    seen.set(block);
    std::memcpy(&at, bytes.data() + offset, sizeof at);
  }
  return seen;
}

/// A pool with its bytes, which the window keeps until it is asked again.
struct Read {
  Pool pool;
  std::span<const std::byte> bytes;
  Blocks freed;
  std::uint32_t cut = 0;  // blocks that were ever given out
};

std::optional<Read> read_pool(process::Window& window, std::uint64_t address) {
  const auto head = window.at(address, sizeof(Header));
  if (head.empty()) {
    return std::nullopt;
  }
  Header header{};
  std::memcpy(&header, head.data(), sizeof header);
  const auto pool = pool_of(header, address);
  if (!pool) {
    return std::nullopt;
  }
  const auto bytes = window.at(address, pool->bytes);
  if (bytes.empty()) {
    return std::nullopt;
  }
  const auto freed = freed_blocks(bytes, header, *pool);
  const std::uint32_t cut = (header.next_offset - pool_header_bytes) / pool->block_bytes;
  if (!freed || cut - pool->live != freed->count()) {
    return std::nullopt;
  }
  return Read{.pool = *pool, .bytes = bytes, .freed = *freed, .cut = cut};
}

}  // namespace

std::uint32_t Pool::capacity() const {
  return (bytes - pool_header_bytes) / block_bytes;
}

std::vector<Pool> find_pools(const process::ProcessView& view,
                             std::span<const process::Range> memory) {
  std::vector<Pool> pools;
  process::Window window(view);
  for (const process::Range& range : memory) {
    for (const process::Run& run : view.residency().runs_in(range.begin, range.end)) {
      const std::uint64_t begin = std::max(run.begin, range.begin);
      const std::uint64_t end = std::min(run.end, range.end);
      for (std::uint64_t at = (begin + small_pool - 1) & ~std::uint64_t{small_pool - 1};
           at < end;) {
        const auto read = read_pool(window, at);
        if (read) {
          pools.push_back(read->pool);
        }
        at += read ? read->pool.bytes : small_pool;
      }
    }
  }
  return pools;
}

void for_each_block(process::Window& window, const Pool& pool, const BlockVisitor& visit) {
  const auto read = read_pool(window, pool.begin);
  if (!read) {
    return;  // it has changed since it was found
  }
  const std::uint32_t block_bytes = read->pool.block_bytes;
  for (std::uint32_t i = 0; i < read->cut; ++i) {
    if (!read->freed.test(i)) {
      const std::uint32_t offset = pool_header_bytes + i * block_bytes;
      visit(pool.begin + offset, read->bytes.subspan(offset, block_bytes));
    }
  }
}

}  // namespace heapwatch::memory::pymalloc
