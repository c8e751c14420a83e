// A fast bin or a bin of a thread's cache is a list of chunks of one size. From glibc 2.32 on a
// link is stored as (address of the link >> 12) ^ link. Which of the two ways holds is seen from
// the lists: by the right one each link leads to a chunk whose header has the bin's size.
#include "memory/glibc/caches.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

namespace heapwatch::memory::glibc {

namespace {

using process::Words;

constexpr std::size_t list_max = 1'000'000;
constexpr std::size_t cache_list_max = 65'536;
constexpr std::size_t fast_bins = 10;

enum class Links : std::uint8_t { plain, mangled };

/// A list of chunks of one size, from the first user address on. Absent when a link leads astray.
/// `link_offset`: where in the user's memory the link stands; links lead to `target_offset` there.
std::optional<std::vector<FreeChunk>> read_list(Words& words, std::uint64_t first,
                                                std::uint64_t target_offset, std::uint64_t size,
                                                Links links, std::size_t most) {
  std::vector<FreeChunk> chunks;
  std::uint64_t target = first;
  std::uint64_t met = 0;  // one that was passed, again and again a later one: a circle comes back
  std::size_t next_met = 1;
  while (target != 0) {
    if (target == met) {
      return std::nullopt;
    }
    if (chunks.size() == next_met) {
      met = target;
      next_met *= 2;
    }
    const std::uint64_t chunk = target - target_offset;
    const auto head = words.u64(chunk + 8);
    if (chunk % 16 != 0 || !head || (*head & size_mask) != size || chunks.size() >= most) {
      return std::nullopt;
    }
    chunks.push_back({chunk, size});
    const std::uint64_t slot = chunk + header_bytes;
    const auto link = words.u64(slot);
    if (!link) {
      return std::nullopt;
    }
    target = links == Links::mangled ? (slot >> 12) ^ *link : *link;
  }
  // A list that comes back to itself has a chunk twice.
  std::vector<FreeChunk> sorted = chunks;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    return std::nullopt;
  }
  return chunks;
}

std::optional<std::vector<FreeChunk>> read_either(Words& words, std::uint64_t first,
                                                  std::uint64_t target_offset, std::uint64_t size,
                                                  std::size_t most) {
  if (auto mangled = read_list(words, first, target_offset, size, Links::mangled, most)) {
    return mangled;
  }
  return read_list(words, first, target_offset, size, Links::plain, most);
}

struct CacheShape {
  std::uint64_t chunk_size;
  std::size_t bins;
  std::size_t count_bytes;  // of one count
  std::uint64_t entries;    // offset
  bool counts_entries;      // else its counts are of the slots that are free
};
constexpr std::array<CacheShape, 3> shapes{
    {{0x250, 64, 1, 64, true}, {0x290, 64, 2, 128, true}, {0x300, 76, 2, 152, false}}};
constexpr std::size_t small_bins = 64;

/// Null: a cache is not of this size.
const CacheShape* shape_of(std::uint64_t chunk_size) {
  const auto* const shape =
      std::find_if(shapes.begin(), shapes.end(),
                   [chunk_size](const CacheShape& one) { return one.chunk_size == chunk_size; });
  return shape == shapes.end() ? nullptr : shape;
}

std::uint64_t count_at(Words& words, std::uint64_t user, const CacheShape& shape, std::size_t bin) {
  if (shape.count_bytes == 1) {
    return words.get<std::uint8_t>(user + bin).value_or(0);
  }
  return words.get<std::uint16_t>(user + bin * 2).value_or(0);
}

/// A bin of large sizes holds chunks of several: each is taken as its header says.
std::optional<std::vector<FreeChunk>> read_large_list(Words& words, std::uint64_t first) {
  std::vector<FreeChunk> chunks;
  std::uint64_t user = first;
  while (user != 0) {
    const auto head = words.u64(user - 8);
    const auto link = words.u64(user);
    const bool is_chunk = user % 16 == 0 && head && (*head & size_mask) >= chunk_bytes_min &&
                          (*head & is_mmapped) == 0;
    if (!is_chunk || !link || chunks.size() >= cache_list_max) {
      return std::nullopt;
    }
    chunks.push_back({user - header_bytes, *head & size_mask});
    user = (user >> 12) ^ *link;
  }
  return chunks;
}

}  // namespace

FastBins read_fast_bins(Words& words, const StateLayout& state, std::uint64_t arena) {
  FastBins found;
  if (state.fastbins == 0) {
    return found;
  }
  for (std::size_t i = 0; i < fast_bins; ++i) {
    const auto first = words.u64(arena + state.fastbins + i * 8);
    if (!first || *first == 0) {
      continue;
    }
    const std::uint64_t size = chunk_bytes_min + i * 16;
    if (auto list = read_either(words, *first, 0, size, list_max)) {
      found.chunks.insert(found.chunks.end(), list->begin(), list->end());
    } else {
      found.lists_hold = false;
    }
  }
  return found;
}

bool may_be_cache(std::uint64_t chunk_size) {
  return shape_of(chunk_size) != nullptr;
}

std::uint64_t find_mark(const process::ProcessView& view, const std::vector<FreeChunk>& caches,
                        const process::Range& data) {
  Words words(view);
  std::map<std::uint64_t, std::size_t> votes;
  for (const FreeChunk& cache : caches) {
    const auto* const shape = shape_of(cache.size);
    for (std::size_t bin = 0; shape != nullptr && bin < small_bins; ++bin) {
      const std::uint64_t entry = cache.address + header_bytes + shape->entries + bin * 8;
      const std::uint64_t first = words.u64(entry).value_or(0);
      const bool is_block =
          first != 0 && first % 16 == 0 &&
          (words.u64(first - 8).value_or(0) & size_mask) == chunk_bytes_min + bin * 16;
      if (const auto mark = is_block ? words.u64(first + 8) : std::nullopt; mark && *mark != 0) {
        ++votes[*mark];
      }
    }
  }
  const auto most = std::max_element(
      votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == votes.end()) {
    return 0;
  }
  process::Window window(view);
  for (std::uint64_t at = (data.begin + 7) & ~std::uint64_t{7}; at + 8 <= data.end; at += 8) {
    if (window.get<std::uint64_t>(at) == most->first) {
      return most->first;
    }
  }
  return 0;
}

std::vector<FreeChunk> read_cache(Words& words, std::uint64_t address, std::uint64_t chunk_size) {
  const CacheShape* const shape = shape_of(chunk_size);
  if (shape == nullptr) {
    return {};
  }
  const std::uint64_t user = address + header_bytes;
  std::vector<FreeChunk> all;
  // A thread may stand between the change of a list and that of its count: of one, by one.
  bool is_torn = false;
  const auto agree = [&](std::uint64_t listed, std::uint64_t count) {
    if (!shape->counts_entries || listed == count) {
      return true;
    }
    const bool by_one = listed + 1 == count || listed == count + 1;
    return by_one && !std::exchange(is_torn, true);
  };
  for (std::size_t bin = 0; bin < shape->bins; ++bin) {
    const auto first = words.u64(user + shape->entries + bin * 8);
    if (!first) {
      return {};
    }
    const std::uint64_t count = count_at(words, user, *shape, bin);
    if (*first == 0) {
      if (!agree(0, count)) {
        return {};
      }
      continue;
    }
    const bool is_large = bin >= small_bins;
    const auto list = is_large ? read_large_list(words, *first)
                               : read_either(words, *first, header_bytes,
                                             chunk_bytes_min + bin * 16, cache_list_max);
    if (!list || !agree(list->size(), count)) {
      return {};
    }
    all.insert(all.end(), list->begin(), list->end());
  }
  return all;
}

}  // namespace heapwatch::memory::glibc
