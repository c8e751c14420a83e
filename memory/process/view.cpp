#include "memory/process/view.h"

#include <algorithm>
#include <utility>

namespace heapwatch::memory::process {

ProcessView::ProcessView(Facts facts, std::vector<Mapping> mappings, Residency residency,
                         std::vector<Thread> threads, std::shared_ptr<const Memory> memory)
    : facts_(std::move(facts)),
      mappings_(std::move(mappings)),
      residency_(std::move(residency)),
      threads_(std::move(threads)),
      memory_(std::move(memory)) {}

const Mapping* ProcessView::mapping_at(std::uint64_t address) const {
  const auto found =
      std::partition_point(mappings_.begin(), mappings_.end(),
                           [address](const Mapping& mapping) { return mapping.end <= address; });
  return found != mappings_.end() && found->begin <= address ? &*found : nullptr;
}

std::size_t ProcessView::read(std::uint64_t address, std::span<std::byte> out) const {
  std::size_t done = 0;
  if (address + out.size() < address) {
    return 0;
  }
  while (done < out.size()) {
    const std::uint64_t at = address + done;
    const Mapping* const mapping = mapping_at(at);
    if (mapping == nullptr) {
      const std::span<std::byte> piece = out.subspan(done, gap_at(at, out.size() - done));
      const std::size_t got = memory_->read_new(at, piece);
      done += got;
      if (got < piece.size() || piece.empty()) {
        return done;
      }
      continue;
    }
    if (mapping->outside_rss) {
      return done;
    }
    const std::uint64_t stop = std::min<std::uint64_t>(mapping->end, address + out.size());
    const std::span<const Run> runs = residency_.runs_in(at, stop);
    const bool resident = !runs.empty() && runs.front().begin <= at;
    const std::uint64_t end = resident       ? std::min(runs.front().end, stop)
                              : runs.empty() ? stop
                                             : runs.front().begin;
    const std::span<std::byte> piece = out.subspan(done, static_cast<std::size_t>(end - at));
    const std::size_t got = resident ? memory_->read(at, piece) : read_absent(*mapping, at, piece);
    done += got;
    if (got < piece.size()) {
      return done;
    }
  }
  return done;
}

/// How many of the bytes lie before the next mapping.
std::size_t ProcessView::gap_at(std::uint64_t address, std::size_t bytes) const {
  const auto next =
      std::partition_point(mappings_.begin(), mappings_.end(),
                           [address](const Mapping& mapping) { return mapping.begin <= address; });
  return next == mappings_.end()
             ? bytes
             : static_cast<std::size_t>(std::min<std::uint64_t>(bytes, next->begin - address));
}

/// Bytes of pages of one mapping of which none is resident.
std::size_t ProcessView::read_absent(const Mapping& mapping, std::uint64_t address,
                                     std::span<std::byte> out) const {
  const auto& swapped = residency_.swapped();
  const auto next = std::partition_point(swapped.begin(), swapped.end(),
                                         [&](const Range& range) { return range.end <= address; });
  if (next != swapped.end() && next->begin < address + out.size()) {
    if (next->begin <= address) {
      return 0;
    }
    out = out.first(static_cast<std::size_t>(next->begin - address));
  }
  if (!mapping.is_file()) {
    if (mapping.shared || !mapping.name.empty()) {
      const bool plain = mapping.name == "[heap]" || mapping.name == "[stack]" ||
                         mapping.name.compare(0, 6, "[anon:") == 0;
      if (!plain) {
        return 0;  // shared memory may be in another's page tables, a special mapping is the
                   // kernel's
      }
    }
    std::fill(out.begin(), out.end(), std::byte{0});
    (void)memory_->read_new(address, out);
    return out.size();
  }
  return memory_->read_file(mapping, mapping.offset + (address - mapping.begin), out);
}

}  // namespace heapwatch::memory::process
