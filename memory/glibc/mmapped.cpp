#include "memory/glibc/mmapped.h"

#include <algorithm>
#include <array>

namespace heapwatch::memory::glibc {

namespace {

using process::page_bytes;
using process::Range;
using process::Window;

/// Where in a page the header of a mmapped chunk may stand: at its beginning, or before a user
/// address that is aligned to 32, 64, ... 4096 bytes.
constexpr std::array<std::uint64_t, 9> header_places{0, 16, 48, 112, 240, 496, 1008, 2032, 4080};

/// The block whose header stands at `at`; size 0 when there is none.
MmappedBlock block_at(Window& window, std::uint64_t at, const Range& part) {
  const auto header = window.get<std::array<std::uint64_t, 2>>(at);
  if (!header) {
    return {};
  }
  // From 2.43 on the lowest bit of the first word tells of huge pages.
  const std::uint64_t before = (*header)[0] & ~std::uint64_t{1};
  const std::uint64_t size = (*header)[1] & size_mask;
  if (((*header)[1] & 7) != is_mmapped || size < page_bytes / 2 || before > at - part.begin) {
    return {};
  }
  const std::uint64_t begin = at - before;
  for (const std::uint64_t behind : {0U, 16U}) {
    const std::uint64_t total = before + size + behind;
    const bool fits = size <= part.end - at && total <= part.end - begin;
    if (fits && begin % page_bytes == 0 && size % 16 == 0 && total % page_bytes == 0) {
      return {begin, begin + total, at, size};
    }
  }
  return {};
}

MmappedBlock block_in_page(Window& window, std::uint64_t page, const Range& part) {
  for (const std::uint64_t place : header_places) {
    const MmappedBlock block = block_at(window, page + place, part);
    if (block.size != 0 && block.begin >= part.begin) {
      return block;
    }
  }
  return {};
}

/// Follows chunks from `begin` to two fence posts at a page's end, or to the top chunk. Where the
/// piece ends, or 0.
std::uint64_t end_of_piece(Window& window, std::uint64_t begin, std::uint64_t top,
                           std::uint64_t most, Budget& budget) {
  std::uint64_t at = begin;
  while (budget.chunks > 0 && at - begin + header_bytes <= most) {
    --budget.chunks;
    const auto word = window.get<std::uint64_t>(at + 8);
    if (!word) {
      return 0;
    }
    const std::uint64_t size = *word & size_mask;
    if (at == top) {
      return size >= header_bytes && size <= most - (at - begin) ? at + size : 0;
    }
    if (size == header_bytes) {
      const auto second = window.get<std::uint64_t>(at + header_bytes + 8);
      const std::uint64_t end = at + 2 * header_bytes;
      const bool ends = second && (*second & size_mask) == header_bytes && end % page_bytes == 0;
      return ends ? end : 0;
    }
    if (size < chunk_bytes_min || size % 16 != 0 || size > most - (at - begin) ||
        (*word & is_mmapped) != 0) {
      return 0;
    }
    at += size;
  }
  return 0;
}

constexpr std::size_t choices_max = 256;

/// Finds `drop` blocks, from the one at `from` on, that are `bytes` large together; marks them.
bool choose(const std::vector<MmappedBlock>& blocks, std::size_t from, std::uint64_t drop,
            std::uint64_t bytes, std::vector<bool>& dropped) {
  if (drop == 0) {
    return bytes == 0;
  }
  for (std::size_t i = from; i < blocks.size(); ++i) {
    const std::uint64_t size = blocks[i].end - blocks[i].begin;
    if (size <= bytes && choose(blocks, i + 1, drop - 1, bytes - size, dropped)) {
      dropped[i] = true;
      return true;
    }
  }
  return false;
}

/// Where the next resident page of a part is, from `at` on; `end` when there is none.
std::uint64_t next_resident(const process::ProcessView& view, std::uint64_t at, std::uint64_t end) {
  const auto runs = view.residency().runs_in(at, end);
  return runs.empty() ? end : std::max(runs.front().begin, at);
}

}  // namespace

std::vector<MmappedBlock> find_mmapped(const process::ProcessView& view,
                                       const std::vector<Range>& parts,
                                       const SearchLimits& limits) {
  std::vector<MmappedBlock> blocks;
  Window window(view);
  for (const Range& part : parts) {
    std::uint64_t at = (part.begin + page_bytes - 1) & ~(page_bytes - 1);
    while (blocks.size() < limits.count && at < part.end) {
      at = next_resident(view, at, part.end);
      if (at >= part.end) {
        break;
      }
      const MmappedBlock block = block_in_page(window, at, part);
      if (block.size != 0) {
        blocks.push_back(block);
        at = block.end;
      } else {
        at += page_bytes;
      }
    }
  }
  return blocks;
}

std::uint64_t bytes_of(const std::vector<MmappedBlock>& blocks) {
  std::uint64_t bytes = 0;
  for (const MmappedBlock& block : blocks) {
    bytes += block.end - block.begin;
  }
  return bytes;
}

std::vector<MmappedBlock> those_counted(std::vector<MmappedBlock> blocks, std::uint64_t count,
                                        std::uint64_t bytes) {
  const std::uint64_t all = bytes_of(blocks);
  std::vector<bool> dropped(blocks.size());
  const bool may_choose = blocks.size() > count && blocks.size() <= choices_max && all > bytes;
  if (may_choose && choose(blocks, 0, blocks.size() - count, all - bytes, dropped)) {
    std::vector<MmappedBlock> kept;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (!dropped[i]) {
        kept.push_back(blocks[i]);
      }
    }
    return kept;
  }
  blocks.resize(std::min<std::size_t>(blocks.size(), static_cast<std::size_t>(count)));
  return blocks;
}

std::vector<Piece> find_pieces(const process::ProcessView& view, const std::vector<Range>& parts,
                               std::uint64_t top, std::uint64_t wanted, Budget& budget) {
  std::vector<Piece> pieces;
  Window window(view);
  Window walking(view);
  std::uint64_t found = 0;
  for (const Range& part : parts) {
    std::uint64_t at = (part.begin + page_bytes - 1) & ~(page_bytes - 1);
    while (found < wanted && at < part.end) {
      at = next_resident(view, at, part.end);
      if (at >= part.end) {
        break;
      }
      const std::uint64_t page = at;
      at += page_bytes;
      const auto header = window.get<std::array<std::uint64_t, 2>>(page);
      const bool may_begin = header && (*header)[0] == 0 && ((*header)[1] & 7) == 1 &&
                             ((*header)[1] & size_mask) >= chunk_bytes_min;
      if (!may_begin) {
        continue;
      }
      const std::uint64_t end =
          end_of_piece(walking, page, top, std::min(wanted - found, part.end - page), budget);
      if (end != 0) {
        pieces.push_back({.begin = page,
                          .end = end,
                          .top = top >= page && top < end ? top : 0,
                          .claim_begin = page,
                          .claim_end = end});
        found += end - page;
        at = end;
      }
    }
  }
  return pieces;
}

}  // namespace heapwatch::memory::glibc
