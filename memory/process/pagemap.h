// Which pages are resident, from the page tables: by one call where the kernel has PAGEMAP_SCAN
// (Linux 6.7), by the entries of /proc/PID/pagemap otherwise.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "memory/process/facts.h"
#include "memory/process/residency.h"

namespace heapwatch::memory::process {

inline constexpr std::size_t runs_max = std::size_t{8} * 1024 * 1024;

enum class PagemapWay : std::uint8_t { best, scan, entries };

/// The resident and the swapped pages within `mappings`, without those outside RSS. Read entry by
/// entry, the largest mappings are left out where they are reserved terabytes.
///
/// Errors: limit when there are more than runs_max runs, not_found when the process has ended, io
/// when the system refuses, invalid when `way` is scan and the kernel has none.
[[nodiscard]] base::Result<Residency> read_pagemap(int descriptor,
                                                   std::span<const Mapping> mappings,
                                                   PagemapWay way = PagemapWay::best);

}  // namespace heapwatch::memory::process
