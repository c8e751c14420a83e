// Conservative marking. The nodes are the live blocks of glibc; the roots are all other words that
// a program may hold a pointer in: registers, stacks from their pointer up, and every resident page
// that is no page of a file and none of glibc's heaps (data, .bss, thread-local variables, the
// heaps of other runtimes). Free chunks, the arenas themselves and what lies below a stack pointer
// are no roots.
//
// A number that looks like an address keeps a block: so an unreachable block is one for sure, as
// long as the program does not hide its pointers (in differences, tags in the high bits), and
// the picture is of one moment.
#include "memory/reach/reach.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "memory/glibc/heaps.h"
#include "memory/glibc/types.h"
#include "memory/process/reading.h"
#include "memory/stacks/stacks.h"

namespace heapwatch::memory::reach {

namespace {

using process::ProcessView;
using process::Range;

constexpr std::uint64_t red_zone = 128;
constexpr std::size_t read_bytes = std::size_t{64} * 1024;

struct Node {
  std::uint64_t begin = 0;  // what the program may use
  std::uint64_t end = 0;
};

class Marker {
 public:
  Marker(const ProcessView& view, const glibc::Heaps& heaps) : view_(view) {
    glibc::for_each_block(view, heaps, [this](const glibc::Chunk& chunk) {
      if (nodes_.size() < blocks_max) {
        nodes_.push_back({chunk.user(), chunk.user() + chunk.usable()});
      }
    });
    std::sort(nodes_.begin(), nodes_.end(),
              [](const Node& a, const Node& b) { return a.begin < b.begin; });
    marked_.resize(nodes_.size());
    led_to_.resize(nodes_.size());
  }

  /// A word of a root.
  void root(std::uint64_t word) {
    if (const std::size_t node = node_of(word); node < nodes_.size() && !marked_[node]) {
      marked_[node] = true;
      open_.push_back(node);
    }
  }
  void root_range(std::uint64_t begin, std::uint64_t end) {
    each_word(begin, end, [this](std::uint64_t word) { root(word); });
    drain();
  }
  void drain() {
    while (!open_.empty()) {
      const Node node = nodes_[open_.back()];
      open_.pop_back();
      each_word(node.begin, node.end, [this](std::uint64_t word) { root(word); });
    }
  }

  /// What no root led to.
  [[nodiscard]] ReachReport report() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (marked_[i]) {
        continue;
      }
      each_word(nodes_[i].begin, nodes_[i].end, [&](std::uint64_t word) {
        if (const std::size_t node = node_of(word); node < nodes_.size() && node != i) {
          led_to_[node] = true;
        }
      });
    }
    ReachReport report;
    glibc::Classes classes(view_);
    process::Words words(view_);
    std::map<std::string, Unreachable> groups;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (marked_[i]) {
        ++report.reachable_blocks;
        continue;
      }
      const std::uint64_t bytes = nodes_[i].end - nodes_[i].begin;
      std::string name = classes.name_of(words.u64(nodes_[i].begin).value_or(0));
      if (name.empty()) {
        name = "blocks of " + std::to_string(bytes + 8) + " bytes";
      }
      Unreachable& group = groups[name];
      const std::uint64_t head = led_to_[i] ? 0 : 1;
      group.name = name;
      ++group.blocks;
      group.bytes += bytes;
      group.heads += head;
      ++report.blocks;
      report.bytes += bytes;
      report.heads += head;
    }
    for (auto& [name, group] : groups) {
      report.groups.push_back(std::move(group));
    }
    std::stable_sort(report.groups.begin(), report.groups.end(),
                     [](const Unreachable& a, const Unreachable& b) {
                       return (a.heads > 0) != (b.heads > 0) ? a.heads > 0 : a.bytes > b.bytes;
                     });
    return report;
  }

 private:
  [[nodiscard]] std::size_t node_of(std::uint64_t word) const {
    if (nodes_.empty() || word < nodes_.front().begin || word >= nodes_.back().end) {
      return nodes_.size();
    }
    const auto behind = std::partition_point(
        nodes_.begin(), nodes_.end(), [word](const Node& node) { return node.begin <= word; });
    const auto node = static_cast<std::size_t>(behind - nodes_.begin()) - 1;
    return word < nodes_[node].end ? node : nodes_.size();
  }

  /// The aligned words of resident memory in a range. The visitor must not come back here.
  template <typename Visit>
  void each_word(std::uint64_t begin, std::uint64_t end, Visit visit) {
    for (const process::Run& run : view_.residency().runs_in(begin, end)) {
      std::uint64_t at = (std::max(run.begin, begin) + 7) & ~std::uint64_t{7};
      const std::uint64_t stop = std::min(run.end, end);
      while (at + 8 <= stop) {
        buffer_.resize(static_cast<std::size_t>(
            std::min<std::uint64_t>(read_bytes, (stop - at) & ~std::uint64_t{7})));
        const std::size_t known = view_.read(at, buffer_);
        for (std::size_t i = 0; i + 8 <= known; i += 8) {
          std::uint64_t word = 0;
          std::memcpy(&word, buffer_.data() + i, sizeof word);
          visit(word);
        }
        at += buffer_.size();
      }
    }
  }

  const ProcessView& view_;
  std::vector<Node> nodes_;
  std::vector<bool> marked_;
  std::vector<bool> led_to_;
  std::vector<std::size_t> open_;
  std::vector<std::byte> buffer_;
};

/// What is no root: glibc's own memory, and stacks below their pointers.
Picture without_roots(const Look& look, const glibc::Heaps& heaps) {
  Found found;
  const auto leave_out = [&found](std::uint64_t begin, std::uint64_t end) {
    found.claims.push_back({.begin = begin, .end = end});
  };
  for (const glibc::Arena& arena : heaps.arenas) {
    for (const glibc::Piece& piece : arena.pieces) {
      // Before the first chunk of the main heap a static program has its thread-local variables.
      leave_out(arena.is_main ? piece.begin : piece.claim_begin, piece.claim_end);
    }
  }
  for (const glibc::MmappedBlock& block : heaps.mmapped) {
    leave_out(block.begin, block.end);
  }
  for (const stacks::Stack& stack : stacks::find_stacks(look.view)) {
    if (stack.pointer) {
      leave_out(stack.begin, std::max(stack.begin, *stack.pointer - red_zone));
    } else if (!stack.is_main) {
      leave_out(stack.begin, stack.end);  // of a thread that has ended
    }
  }
  Picture picture(std::make_shared<ProcessView>(
      process::Facts{}, std::vector<process::Mapping>{}, process::Residency{},
      std::vector<process::Thread>{}, look.view.memory()));
  picture.take("", std::move(found));
  return picture;
}

}  // namespace

Found find(const Look& look) {
  Found found;
  const glibc::Heaps* const heaps = look.so_far.glibc();
  if (!look.options.reach) {
    return found;
  }
  if (heaps == nullptr) {
    found.missing.push_back({"what can be reached",
                             "no heap of glibc was walked, and blocks of others are not marked",
                             ""});
    return found;
  }
  for (const glibc::Arena& arena : heaps->arenas) {
    if (!arena.broken.empty()) {
      found.missing.push_back({"what can be reached",
                               "an arena was not walked, and what leads where is not known", ""});
      return found;
    }
  }
  Marker marker(look.view, *heaps);
  const Picture taken = without_roots(look, *heaps);
  for (const process::Thread& thread : look.view.threads()) {
    for (const std::uint64_t word : thread.registers) {
      marker.root(word);
    }
  }
  for (const process::Mapping& mapping : look.view.mappings()) {
    if (!mapping.readable || mapping.shared || mapping.outside_rss) {
      continue;
    }
    for (const process::Run& run : look.view.residency().runs_in(mapping.begin, mapping.end)) {
      if (run.file) {
        continue;
      }
      for (const Range& part :
           taken.unclaimed(std::max(run.begin, mapping.begin), std::min(run.end, mapping.end))) {
        marker.root_range(part.begin, part.end);
      }
    }
  }
  marker.drain();
  found.reach = marker.report();
  return found;
}

}  // namespace heapwatch::memory::reach
