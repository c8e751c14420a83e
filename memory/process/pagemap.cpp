// Two ways to the same runs.
//
// PAGEMAP_SCAN walks the whole address space in one call and tells the zero page, which is present
// in the page tables and not part of RSS. Where it stops is told by its walk_end, which is not to
// be relied on (it can lie below the end of the last range returned): the scan is complete when
// fewer ranges came than there was room for, else it goes on from the end of the last.
//
// The entries of pagemap do not tell the zero page. It is present, not of a file, and not mapped
// exclusively; so are pages shared after a fork. Where a mapping holds more such pages than its RSS
// allows, those beyond are taken for the zero page.
#include "memory/process/pagemap.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace heapwatch::memory::process {

namespace {

struct PageRegion {
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t categories;
};

struct ScanArguments {
  std::uint64_t size;
  std::uint64_t flags;
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t walk_end;
  std::uint64_t vec;
  std::uint64_t vec_len;
  std::uint64_t max_pages;
  std::uint64_t category_inverted;
  std::uint64_t category_mask;
  std::uint64_t category_anyof_mask;
  std::uint64_t return_mask;
};

constexpr unsigned long scan_request = _IOWR('f', 16, ScanArguments);
constexpr std::uint64_t category_file = 1U << 2;
constexpr std::uint64_t category_present = 1U << 3;
constexpr std::uint64_t category_swapped = 1U << 4;
constexpr std::uint64_t category_zero = 1U << 5;
constexpr std::uint64_t category_huge = 1U << 6;

constexpr std::uint64_t entry_present = std::uint64_t{1} << 63;
constexpr std::uint64_t entry_swapped = std::uint64_t{1} << 62;
constexpr std::uint64_t entry_file = std::uint64_t{1} << 61;
constexpr std::uint64_t entry_exclusive = std::uint64_t{1} << 56;

/// Where the kernel has no PAGEMAP_SCAN, 8 bytes are read for each page of a mapping, whether it is
/// there or not, up to three times. So much is always read; of a large process as much again as its
/// pages are, several times over. Beyond that the largest mappings are left out: what Go, ASan and
/// ZGC reserve is terabytes.
constexpr std::uint64_t entries_bytes_always = std::uint64_t{256} << 30;
constexpr std::uint64_t entries_bytes_per_resident = 4;

/// Collects pieces in ascending order; those that touch and are alike become one.
class Collector {
 public:
  void resident(std::uint64_t begin, std::uint64_t end, bool file, bool huge) {
    if (!runs_.empty() && runs_.back().end == begin && runs_.back().file == file &&
        runs_.back().huge == huge) {
      runs_.back().end = end;
    } else {
      runs_.push_back({begin, end, file, huge});
    }
  }
  void swapped(std::uint64_t begin, std::uint64_t end) {
    if (!swapped_.empty() && swapped_.back().end == begin) {
      swapped_.back().end = end;
    } else {
      swapped_.push_back({begin, end});
    }
  }
  [[nodiscard]] bool is_full() const { return runs_.size() + swapped_.size() > runs_max; }
  [[nodiscard]] Residency take() { return Residency(std::move(runs_), std::move(swapped_)); }

 private:
  std::vector<Run> runs_;
  std::vector<Range> swapped_;
};

tl::unexpected<base::Error> too_many() {
  return base::fail(base::ErrorKind::limit,
                    "its memory is in more than " + std::to_string(runs_max) + " pieces");
}

/// Gives a region to the mappings that it covers.
class RegionSplitter {
 public:
  RegionSplitter(std::span<const Mapping> mappings, Collector& out)
      : mappings_(mappings), out_(out) {}

  void take(const PageRegion& region) {
    while (next_ < mappings_.size() && mappings_[next_].end <= region.start) {
      ++next_;
    }
    for (std::size_t i = next_; i < mappings_.size() && mappings_[i].begin < region.end; ++i) {
      const std::uint64_t begin = std::max(mappings_[i].begin, region.start);
      const std::uint64_t end = std::min(mappings_[i].end, region.end);
      if (mappings_[i].outside_rss) {
        continue;
      }
      if ((region.categories & category_swapped) != 0) {
        out_.swapped(begin, end);
      } else if ((region.categories & category_present) != 0 &&
                 (region.categories & category_zero) == 0) {
        out_.resident(begin, end, (region.categories & category_file) != 0,
                      (region.categories & category_huge) != 0);
      }
    }
  }

 private:
  std::span<const Mapping> mappings_;
  Collector& out_;
  std::size_t next_ = 0;
};

base::Result<Residency> scan(int descriptor, std::span<const Mapping> mappings) {
  std::vector<PageRegion> regions(16384);
  Collector collector;
  RegionSplitter splitter(mappings, collector);
  std::uint64_t from = mappings.empty() ? 0 : mappings.front().begin;
  std::uint64_t end = from;
  for (const Mapping& mapping : mappings) {
    if (mapping.name != "[vsyscall]") {
      end = std::max(end, mapping.end);
    }
  }
  while (from < end) {
    ScanArguments arguments{};
    arguments.size = sizeof arguments;
    arguments.start = from;
    arguments.end = end;
    arguments.vec = reinterpret_cast<std::uintptr_t>(regions.data());
    arguments.vec_len = regions.size();
    arguments.category_anyof_mask = category_present | category_swapped;
    arguments.return_mask =
        category_file | category_present | category_swapped | category_zero | category_huge;
    const long found = ioctl(descriptor, scan_request, &arguments);
    if (found < 0 && errno == EINTR) {
      continue;
    }
    if (found < 0) {
      return base::fail(errno == ENOTTY || errno == EINVAL ? base::ErrorKind::invalid
                        : errno == ESRCH                   ? base::ErrorKind::not_found
                                                           : base::ErrorKind::io,
                        std::string("PAGEMAP_SCAN failed: ") + std::strerror(errno));
    }
    const auto count = static_cast<std::size_t>(found);
    for (std::size_t i = 0; i < count; ++i) {
      splitter.take(regions[i]);
    }
    if (collector.is_full()) {
      return too_many();
    }
    if (count < regions.size()) {
      break;
    }
    from = regions[count - 1].end;
  }
  return collector.take();
}

/// Reads the entries of one mapping into the collector.
class EntryReader {
 public:
  EntryReader(int descriptor, Collector& out) : descriptor_(descriptor), out_(out) {}

  [[nodiscard]] bool read(const Mapping& mapping) {
    // Pages that are surely not the zero page, then as many others as its RSS has room for.
    const std::uint64_t all = count(mapping, false);
    const std::uint64_t sure = all * page_bytes > mapping.rss ? count(mapping, true) : all;
    std::uint64_t room = all * page_bytes > mapping.rss && mapping.rss >= sure * page_bytes
                             ? mapping.rss / page_bytes - sure
                             : all;
    return visit(mapping, [&](std::uint64_t at, std::uint64_t entry) {
      if ((entry & entry_swapped) != 0) {
        out_.swapped(at, at + page_bytes);
      } else if ((entry & entry_present) != 0) {
        const bool is_sure = (entry & (entry_file | entry_exclusive)) != 0;
        if (!is_sure && room == 0) {
          return;
        }
        room -= is_sure ? 0 : 1;
        out_.resident(at, at + page_bytes, (entry & entry_file) != 0, false);
      }
    });
  }

 private:
  template <typename Visitor>
  bool visit(const Mapping& mapping, Visitor visitor) {
    for (std::uint64_t at = mapping.begin; at < mapping.end;) {
      const std::uint64_t pages =
          std::min<std::uint64_t>(entries_.size(), (mapping.end - at) / page_bytes);
      const ssize_t got = pread(descriptor_, entries_.data(), pages * sizeof(std::uint64_t),
                                static_cast<off_t>(at / page_bytes * sizeof(std::uint64_t)));
      if (got <= 0) {
        return got == 0;  // beyond the end of what the kernel shows
      }
      const std::size_t read_pages = static_cast<std::size_t>(got) / sizeof(std::uint64_t);
      for (std::size_t i = 0; i < read_pages; ++i) {
        if ((entries_[i] & (entry_present | entry_swapped)) != 0) {
          visitor(at + i * page_bytes, entries_[i]);
        }
      }
      at += read_pages * page_bytes;
      if (read_pages == 0 || out_.is_full()) {
        return true;
      }
    }
    return true;
  }

  std::uint64_t count(const Mapping& mapping, bool only_sure) {
    std::uint64_t pages = 0;
    (void)visit(mapping, [&](std::uint64_t, std::uint64_t entry) {
      const bool present = (entry & entry_present) != 0;
      const bool is_sure = (entry & (entry_file | entry_exclusive)) != 0;
      pages += present && (is_sure || !only_sure) ? 1 : 0;
    });
    return pages;
  }

  int descriptor_;
  Collector& out_;
  std::vector<std::uint64_t> entries_ = std::vector<std::uint64_t>(65536);
};

bool has_pages(const Mapping& mapping) {
  return !mapping.outside_rss && (mapping.rss != 0 || mapping.swap != 0);
}

/// Mappings larger than this are left out: the smaller ones together are as much as may be read.
std::uint64_t largest_to_read(std::span<const Mapping> mappings) {
  std::vector<std::uint64_t> sizes;
  std::uint64_t resident = 0;
  for (const Mapping& mapping : mappings) {
    if (has_pages(mapping)) {
      sizes.push_back(mapping.end - mapping.begin);
      resident += mapping.rss + mapping.swap;
    }
  }
  std::sort(sizes.begin(), sizes.end());
  std::uint64_t left = std::max(entries_bytes_always, std::min(resident, std::uint64_t{1} << 48) *
                                                          entries_bytes_per_resident);
  std::uint64_t largest = 0;
  for (const std::uint64_t size : sizes) {
    if (size > left) {
      break;
    }
    left -= size;
    largest = size;
  }
  return largest;
}

base::Result<Residency> entries(int descriptor, std::span<const Mapping> mappings) {
  Collector collector;
  EntryReader reader(descriptor, collector);
  const std::uint64_t largest = largest_to_read(mappings);
  for (const Mapping& mapping : mappings) {
    if (!has_pages(mapping) || mapping.end - mapping.begin > largest) {
      continue;
    }
    if (!reader.read(mapping)) {
      return base::fail(base::ErrorKind::io,
                        std::string("pagemap cannot be read: ") + std::strerror(errno));
    }
    if (collector.is_full()) {
      return too_many();
    }
  }
  return collector.take();
}

}  // namespace

base::Result<Residency> read_pagemap(int descriptor, std::span<const Mapping> mappings,
                                     PagemapWay way) {
  if (way != PagemapWay::entries) {
    auto scanned = scan(descriptor, mappings);
    const bool unknown = !scanned && scanned.error().kind == base::ErrorKind::invalid;
    if (way == PagemapWay::scan || !unknown) {
      return scanned;
    }
  }
  return entries(descriptor, mappings);
}

}  // namespace heapwatch::memory::process
