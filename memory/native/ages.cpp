#include "memory/native/ages.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

namespace heapwatch::memory::native {

namespace {

using std::chrono::milliseconds;

/// Adds up sites over the records of a look.
class Sites {
 public:
  Sites(milliseconds from, milliseconds until, std::size_t parts)
      : from_(from), until_(until), parts_(parts) {}

  /// `then`: how many of its blocks were in use at the earlier moment.
  void add(const NativeHeap::Record& record, std::int64_t then) {
    if (record.inuse <= 0 && then <= 0) {
      return;
    }
    Site& site = sites_[{record.process, record.space, record.stack}];
    const double bytes = record.weight * static_cast<double>(record.size);
    site.life.bytes += static_cast<double>(record.inuse) * bytes;
    site.life.bytes_then += static_cast<double>(then) * bytes;
    site.life.bytes_still +=
        static_cast<double>(std::min(blocks_older(record, from_), then)) * bytes;
    for (const NativeHeap::Record::Birth& birth : record.births) {
      if (birth.at > from_ && birth.at <= until_) {
        const auto part = static_cast<std::size_t>(
            (birth.at - from_).count() * static_cast<std::int64_t>(parts_) /
            std::max<std::int64_t>((until_ - from_).count(), 1));
        site.parts.insert(std::min(part, parts_ - 1));
      }
    }
  }

  [[nodiscard]] std::vector<SiteLife> take() {
    std::vector<SiteLife> lives;
    lives.reserve(sites_.size());
    for (auto& [key, site] : sites_) {
      site.life.space = std::get<memtrack_space>(key);
      site.life.stack = std::get<std::vector<std::uintptr_t>>(key);
      site.life.ages_alive = site.parts.size();
      lives.push_back(std::move(site.life));
    }
    std::stable_sort(lives.begin(), lives.end(),
                     [](const SiteLife& a, const SiteLife& b) { return a.bytes > b.bytes; });
    return lives;
  }

 private:
  struct Site {
    SiteLife life;
    std::set<std::size_t> parts;
  };
  milliseconds from_;
  milliseconds until_;
  std::size_t parts_;
  std::map<std::tuple<std::string, memtrack_space, std::vector<std::uintptr_t>>, Site> sites_;
};

}  // namespace

BlocksByAge blocks_by_age(const NativeHeap::Record& record, milliseconds now) {
  BlocksByAge blocks{};
  std::int64_t left = record.inuse;
  for (const NativeHeap::Record::Birth& birth : record.births) {
    const std::int64_t here = std::min(birth.blocks, left);
    if (here <= 0) {
      break;
    }
    std::size_t age = age_classes.size() - 1;
    while (age > 0 && now - birth.at < age_classes[age]) {
      --age;
    }
    blocks[age] += here;
    left -= here;
  }
  return blocks;
}

std::int64_t blocks_older(const NativeHeap::Record& record, milliseconds made_by) {
  std::int64_t blocks = 0;
  for (const NativeHeap::Record::Birth& birth : record.births) {
    blocks += birth.at <= made_by ? birth.blocks : 0;
  }
  return blocks;
}

std::vector<SiteLife> site_lives(const NativeHeap& earlier, const NativeHeap& later,
                                 std::size_t parts) {
  Sites sites(earlier.now, later.now, std::max<std::size_t>(parts, 1));
  // Record i is the same in both: they are only ever added to.
  for (std::size_t i = 0; i < later.records.size(); ++i) {
    sites.add(later.records[i], i < earlier.records.size() ? earlier.records[i].inuse : 0);
  }
  return sites.take();
}

std::vector<SiteLife> site_lives(const NativeHeap& heap, std::size_t parts) {
  if (heap.mark == milliseconds(0)) {
    return {};
  }
  Sites sites(heap.mark, heap.now, std::max<std::size_t>(parts, 1));
  for (const NativeHeap::Record& record : heap.records) {
    sites.add(record, record.at_mark);
  }
  return sites.take();
}

}  // namespace heapwatch::memory::native
