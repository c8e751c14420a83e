#include "memory/jemalloc/jemalloc.h"

#include <algorithm>
#include <set>

#include "base/counted.h"

namespace heapwatch::memory::jemalloc {

namespace {

constexpr const char* owner = "jemalloc";
constexpr const char* in_extents = "free in extents";
constexpr std::uint64_t leaf_bytes = std::uint64_t{2} << 20;

Claim claim_of(std::uint64_t begin, std::uint64_t end, State state, const char* detail,
               Source source = Source::walk) {
  return {.begin = begin,
          .end = end,
          .space = Space::native,
          .owner = owner,
          .state = state,
          .source = source,
          .detail = detail};
}

/// The mappings that hold descriptors and leaves.
void take_metadata(const Look& look, const Extents& extents, Found& found) {
  std::set<std::uint64_t> taken;
  for (const Extent& extent : extents.extents) {
    const process::Mapping* const mapping = look.view.mapping_at(extent.record);
    if (mapping != nullptr && taken.insert(mapping->begin).second) {
      found.claims.push_back(claim_of(mapping->begin, mapping->end, State::overhead,
                                      "its own records", Source::inferred));
    }
  }
  for (const Extents::Leaf& leaf : extents.leaves) {
    found.claims.push_back(claim_of(leaf.address, leaf.address + leaf_bytes, State::overhead,
                                    "its own records", Source::inferred));
  }
}

AllocatorReport report_of(const Extents& extents) {
  const Totals totals = totals_of(extents);
  AllocatorReport report{.name = owner,
                         .in_use_bytes = totals.allocated,
                         .free_bytes = totals.active - std::min(totals.active, totals.allocated),
                         .walked = !extents.is_torn()};
  BlocksBySize by_size;
  for (const Extent& extent : extents.extents) {
    if (extent.live_blocks > 0) {
      by_size[extent.block_bytes] += extent.live_blocks;
      report.blocks += extent.live_blocks;
    }
  }
  report.sizes = most_bytes_first(by_size);
  return report;
}

}  // namespace

Totals totals_of(const Extents& extents) {
  Totals totals;
  for (const Extent& extent : extents.extents) {
    if (extent.state == Extent::State::active) {
      totals.active += extent.bytes;
      totals.allocated += extent.live_bytes();
    }
  }
  return totals;
}

Found find(const Look& look) {
  Found found;
  if (!look.view.denied().empty()) {
    return found;
  }
  const auto home = find_home(look);
  if (!home) {
    return found;
  }
  const Extents extents = find_extents(look, home->module);
  if (extents.extents.empty() && !home->is_sure) {
    return found;  // a program that only speaks of it
  }
  if (extents.extents.empty() || extents.overlap || extents.too_much) {
    const char* const why = extents.too_much  ? "too much looks like records of extents"
                            : extents.overlap ? "its extents overlap"
                                              : "no extent of it was found";
    found.checks.push_back({owner, false, (extents.is_torn() ? "torn: " : "") + std::string(why)});
    return found;
  }
  process::AscendingResidency residency(look.view.residency());
  std::uint64_t live = 0;
  for (const Extent& extent : extents.extents) {
    const bool is_active = extent.state == Extent::State::active;
    found.claims.push_back(claim_of(extent.begin, extent.end(), State::held,
                                    is_active ? in_extents : "free, kept for new extents"));
    if (is_active) {
      live += std::min(extent.live_bytes(), residency.bytes(extent.begin, extent.end()));
    }
  }
  take_metadata(look, extents, found);
  found.allocators.push_back(report_of(extents));
  found.splits.push_back({.space = Space::native,
                          .owner = owner,
                          .from = State::held,
                          .from_detail = in_extents,
                          .to = State::live,
                          .detail = "",
                          .bytes = live,
                          .blocks = found.allocators.front().blocks,
                          .source = Source::walk,
                          .note = "with what lies in caches of threads",
                          .torn_bytes = extents.is_torn() ? extents.moved_bytes : 0});
  const std::string counted = base::counted(extents.extents.size(), "extent") + ", none overlap";
  if (extents.is_torn()) {
    found.checks.push_back({owner, false, torn_note(extents.moved_bytes) + "; " + counted, true});
  } else {
    found.checks.push_back({owner, true, counted});
  }
  return found;
}

}  // namespace heapwatch::memory::jemalloc
