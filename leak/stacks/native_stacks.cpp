#include "leak/stacks/native_stacks.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "leak/sites.h"
#include "memory/native/ages.h"
#include "memory/native/names.h"
#include "pprof/site.h"

namespace heapwatch::leak::stacks {

namespace {

using memory::native::NativeHeap;

constexpr std::size_t native_sites_max = 12;  // of each space
constexpr std::size_t native_frames_max = 64;
constexpr std::size_t uses_max = 300;  // stacks that are asked for helpers
constexpr std::size_t parts = 12;      // of the time, for ages
/// Of what a stack holds in the end: so much it has to have held earlier, to tell what became of
/// it.
constexpr double old_least_share = 0.05;
constexpr double blocks_least = 16;

/// A call, and what it is to one who looks for the place that allocated.
struct NamedCall {
  Frame frame;
  pprof::FrameRole role = pprof::FrameRole::code;
};

/// Names stacks, each address once.
class NamedStacks {
 public:
  explicit NamedStacks(const NativeHeap& heap) : heap_(heap) {}

  /// Without the allocators at its inner end and what carries calls between Go and C.
  [[nodiscard]] std::vector<Frame> of(const NativeHeap::Record& record) {
    std::vector<Frame> frames;
    std::vector<pprof::FrameRole> roles;
    for (const std::uintptr_t address : record.stack) {
      for (const NamedCall& call : calls_at(address)) {
        frames.push_back(call.frame);
        roles.push_back(call.role);
      }
      if (frames.size() >= native_frames_max) {
        break;
      }
    }
    std::vector<Frame> shown;
    for (const std::size_t at : pprof::shown_frames(roles)) {
      shown.push_back(std::move(frames[at]));
    }
    return shown;
  }

 private:
  const std::vector<NamedCall>& calls_at(std::uintptr_t address) {
    const auto [known, is_new] = calls_.try_emplace(address);
    if (is_new) {
      known->second = named(address);
    }
    return known->second;
  }

  std::vector<NamedCall> named(std::uintptr_t address) {
    if (memory::native::is_interpreted(address)) {
      const auto& told = heap_.frames.at(memory::native::interpreted_number(address));
      return {
          {.frame = {
               .function = told.name, .file = told.file, .line = told.line, .space = "python"}}};
    }
    const NativeHeap::Mapping* mapping = memory::native::mapping_of(heap_.mappings, address - 1);
    const std::string path = mapping == nullptr ? "" : mapping->path;
    const bool is_library = pprof::is_plumbing_library(path);
    std::vector<NamedCall> calls;
    if (mapping != nullptr) {
      for (const symbols::Frame& one : names_.at(*mapping, address - 1)) {
        calls.push_back({.frame = {.function = one.function,
                                   .file = one.file.empty() ? path : one.file,
                                   .line = one.line,
                                   .space = "native"},
                         .role = is_library ? pprof::FrameRole::plumbing
                                            : pprof::role_of(one.function, one.file)});
      }
    }
    if (calls.empty()) {
      calls.push_back({.frame = {.function = memory::native::hexadecimal(address),
                                 .file = path,
                                 .line = 0,
                                 .space = "native"},
                       .role = is_library ? pprof::FrameRole::plumbing : pprof::FrameRole::code});
    }
    return calls;
  }

  const NativeHeap& heap_;
  memory::native::Names names_;
  std::map<std::uintptr_t, std::vector<NamedCall>> calls_;
};

double value_at(const std::vector<double>& values, std::size_t record) {
  return record < values.size() ? values[record] : 0;
}

/// The better of what lives of the first moment and of half time: what a site makes and gives up
/// at once beside what it keeps weighs less at half time. Nothing where too little was there, and
/// where blocks grow rather than their number: a vector that is moved to a larger block is no less
/// kept for that.
std::optional<double> survival_of(const NativeStacks::Stack& stack, std::size_t first) {
  const double bytes = stack.bytes.back();
  const double blocks = stack.blocks.back();
  const double larger = (bytes - stack.bytes[first]) / std::max(bytes, 1.0);
  const double more = (blocks - stack.blocks[first]) / std::max(blocks, 1.0);
  if (!stack.are_ages_known || blocks < blocks_least || more < larger / 2) {
    return std::nullopt;
  }
  std::optional<double> survival;
  for (std::size_t i = 0; i < stack.then.size(); ++i) {
    if (stack.then[i] > 0 && stack.then[i] >= old_least_share * stack.bytes.back()) {
      survival = std::max(survival.value_or(0), stack.still[i] / stack.then[i]);
    }
  }
  return survival;
}

/// What was allocated through the stacks by which most was.
std::vector<StackUse> uses_of(const std::vector<NativeStacks::Stack>& all, const NativeHeap& heap,
                              NamedStacks& names) {
  std::vector<const NativeStacks::Stack*> most;
  most.reserve(all.size());
  for (const NativeStacks::Stack& stack : all) {
    most.push_back(&stack);
  }
  std::stable_sort(most.begin(), most.end(),
                   [](const auto* a, const auto* b) { return a->used > b->used; });
  most.resize(std::min(most.size(), uses_max));
  std::vector<StackUse> uses;
  for (const NativeStacks::Stack* stack : most) {
    const NativeHeap::Record& record = heap.records[stack->record];
    uses.push_back({.space = std::string(memory::native::space_name(record.space)),
                    .stack = names.of(record),
                    .used = stack->used,
                    .held = stack->bytes.back()});
  }
  return uses;
}

}  // namespace

std::vector<Amount> counted_by_books(const memory::native::WatchedProcess& process) {
  std::vector<Amount> counted;
  for (const memtrack_space space :
       {memtrack_space_native, memtrack_space_python, memtrack_space_mmap, memtrack_space_stack}) {
    if (space == memtrack_space_python && process.interpreter().empty()) {
      continue;
    }
    counted.push_back({.space = std::string(memory::native::space_name(space)),
                       .owner = "",
                       .state = "live",
                       .bytes = static_cast<double>(process.growth(space))});
  }
  return counted;
}

void NativeStacks::take(memory::native::NativeHeap heap, double at) {
  last_ = std::move(heap);
  Moment moment{.clock = last_.now, .bytes = {}, .blocks = {}};
  for (const NativeHeap::Record& record : last_.records) {
    const double blocks = static_cast<double>(record.inuse) * record.weight;
    moment.blocks.push_back(blocks);
    moment.bytes.push_back(blocks * static_cast<double>(record.size));
  }
  if (!times_.empty() && at <= times_.back()) {
    moments_.back() = std::move(moment);
    return;
  }
  times_.push_back(at);
  moments_.push_back(std::move(moment));
  if (times_.size() <= moments_max_) {
    return;
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < times_.size(); i += 2, ++kept) {
    times_[kept] = times_[i];
    moments_[kept] = std::move(moments_[i]);
  }
  times_.resize(kept);
  moments_.resize(kept);
}

/// Adds up the records of each stack, from the moment `first` on.
std::vector<NativeStacks::Stack> NativeStacks::stacks(std::size_t first) const {
  std::map<std::pair<int, std::vector<std::uintptr_t>>, Stack> by_stack;
  const std::array<std::size_t, 2> earlier{first, (first + times_.size() - 1) / 2};
  const std::chrono::milliseconds from = moments_[first].clock;
  const double span = std::max(1.0, static_cast<double>((last_.now - from).count()));
  for (std::size_t record = 0; record < last_.records.size(); ++record) {
    const NativeHeap::Record& one = last_.records[record];
    Stack& stack = by_stack[{static_cast<int>(one.space), one.stack}];
    const double bytes = one.weight * static_cast<double>(one.size);
    stack.record = record;
    stack.used += static_cast<double>(one.allocated) * bytes;
    stack.bytes.resize(times_.size());
    stack.blocks.resize(times_.size());
    for (std::size_t i = first; i < times_.size(); ++i) {
      stack.bytes[i] += value_at(moments_[i].bytes, record);
      stack.blocks[i] += value_at(moments_[i].blocks, record);
    }
    for (std::size_t i = 0; i < earlier.size(); ++i) {
      const double then = value_at(moments_[earlier[i]].bytes, record);
      const double old =
          static_cast<double>(memory::native::blocks_older(one, moments_[earlier[i]].clock)) *
          bytes;
      stack.then[i] += then;
      stack.still[i] += std::min(then, old);
    }
    std::int64_t born = 0;
    for (const NativeHeap::Record::Birth& birth : one.births) {
      born += birth.blocks;
      if (birth.at > from && birth.blocks > 0) {
        const double part = static_cast<double>((birth.at - from).count()) / span * parts;
        stack.ages.insert(std::min(static_cast<std::size_t>(part), parts - 1));
      }
    }
    stack.are_ages_known = stack.are_ages_known && born >= one.inuse - one.inuse / 8;
  }
  std::vector<Stack> all;
  all.reserve(by_stack.size());
  for (auto& [key, stack] : by_stack) {
    all.push_back(std::move(stack));
  }
  return all;
}

std::vector<SiteGrowth> NativeStacks::sites(double begin) const {
  const auto first = static_cast<std::size_t>(
      std::find_if(times_.begin(), times_.end(), [begin](double at) { return at >= begin; }) -
      times_.begin());
  if (first + 1 >= times_.size()) {
    return {};
  }
  std::vector<Stack> all = stacks(first);
  // By what they grew lately: what grew at first only may have been a start or a cache.
  const std::size_t middle = (first + times_.size()) / 2;
  std::stable_sort(all.begin(), all.end(), [middle](const Stack& a, const Stack& b) {
    return a.bytes.back() - a.bytes[middle] > b.bytes.back() - b.bytes[middle];
  });
  NamedStacks names(last_);
  std::map<memtrack_space, std::size_t> counts;
  std::vector<SiteGrowth> sites;
  for (const Stack& stack : all) {
    const NativeHeap::Record& record = last_.records[stack.record];
    const double growth = stack.bytes.back() - stack.bytes[first];
    if (growth <= 0 || ++counts[record.space] > native_sites_max) {
      continue;
    }
    SiteGrowth site{.space = std::string(memory::native::space_name(record.space)),
                    .stack = names.of(record),
                    .count = stack.blocks.back() - stack.blocks[first],
                    .bytes = growth,
                    .seconds = times_.back() - times_[first],
                    .survival = survival_of(stack, first)};
    if (stack.are_ages_known) {
      site.ages = static_cast<double>(stack.ages.size());
    }
    for (std::size_t i = first; i < times_.size(); ++i) {
      site.points.push_back({times_[i], stack.bytes[i]});
    }
    sites.push_back(std::move(site));
  }
  find_helpers(sites, uses_of(all, last_, names));
  return sites;
}

}  // namespace heapwatch::leak::stacks
