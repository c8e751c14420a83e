#include "agent/commands/leak_native.h"

#include <algorithm>
#include <map>
#include <utility>

#include "memory/native/names.h"

namespace heapwatch::agent::commands {

namespace {

using memory::native::NativeHeap;

constexpr std::size_t native_sites_max = 12;  // of each space
constexpr std::size_t native_frames_max = 64;

/// The records of one stack, and what it held at each moment.
struct Stack {
  std::size_t record = 0;  // one of them
  std::vector<double> bytes;
  std::vector<double> blocks;
};

std::vector<leak::Frame> frames_of(const NativeHeap& heap, const NativeHeap::Record& record,
                                   memory::native::Names& names) {
  std::vector<leak::Frame> frames;
  for (const std::uintptr_t frame : record.stack) {
    if (frames.size() >= native_frames_max) {
      break;
    }
    if (memory::native::is_interpreted(frame)) {
      const auto& told = heap.frames.at(memory::native::interpreted_number(frame));
      frames.push_back(
          {.function = told.name, .file = told.file, .line = told.line, .space = "python"});
      continue;
    }
    const NativeHeap::Mapping* mapping = memory::native::mapping_of(heap.mappings, frame - 1);
    const std::string path = mapping == nullptr ? "" : mapping->path;
    const std::size_t before = frames.size();
    if (mapping != nullptr) {
      for (const symbols::Frame& one : names.at(*mapping, frame - 1)) {
        frames.push_back({.function = one.function,
                          .file = one.file.empty() ? path : one.file,
                          .line = one.line,
                          .space = "native"});
      }
    }
    if (frames.size() == before) {
      frames.push_back({.function = memory::native::hexadecimal(frame),
                        .file = path,
                        .line = 0,
                        .space = "native"});
    }
  }
  return frames;
}

double value_at(const std::vector<double>& values, std::size_t record) {
  return record < values.size() ? values[record] : 0;
}

}  // namespace

std::vector<leak::Amount> counted_by_books(const memory::native::WatchedProcess& process) {
  std::vector<leak::Amount> counted;
  for (const memtrack_space space :
       {memtrack_space_native, memtrack_space_python, memtrack_space_mmap, memtrack_space_stack}) {
    const memtrack_counters counters = process.space_counters(space);
    counted.push_back({.space = std::string(memory::native::space_name(space)),
                       .owner = "",
                       .state = "live",
                       .bytes = static_cast<double>(counters.inuse_bytes)});
  }
  return counted;
}

void NativeSites::take(const memory::native::WatchedProcess& process, double at) {
  last_ = process.heap();
  Moment moment;
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
  if (times_.size() <= moments_max) {
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

std::vector<leak::SiteGrowth> NativeSites::sites(double begin) const {
  const auto first = static_cast<std::size_t>(
      std::find_if(times_.begin(), times_.end(), [begin](double at) { return at >= begin; }) -
      times_.begin());
  if (first + 1 >= times_.size()) {
    return {};
  }
  std::map<std::pair<int, std::vector<std::uintptr_t>>, Stack> by_stack;
  for (std::size_t record = 0; record < last_.records.size(); ++record) {
    const NativeHeap::Record& one = last_.records[record];
    Stack& stack = by_stack[{static_cast<int>(one.space), one.stack}];
    stack.record = record;
    stack.bytes.resize(times_.size());
    stack.blocks.resize(times_.size());
    for (std::size_t i = first; i < times_.size(); ++i) {
      stack.bytes[i] += value_at(moments_[i].bytes, record);
      stack.blocks[i] += value_at(moments_[i].blocks, record);
    }
  }
  std::vector<const Stack*> grown;
  for (const auto& [key, stack] : by_stack) {
    if (stack.bytes.back() > stack.bytes[first]) {
      grown.push_back(&stack);
    }
  }
  // By what they grew lately: what grew at first only may have been a start or a cache.
  const std::size_t middle = (first + times_.size()) / 2;
  std::stable_sort(grown.begin(), grown.end(), [middle](const Stack* a, const Stack* b) {
    return a->bytes.back() - a->bytes[middle] > b->bytes.back() - b->bytes[middle];
  });
  std::map<memtrack_space, std::size_t> counts;
  std::vector<leak::SiteGrowth> sites;
  memory::native::Names names;
  for (const Stack* stack : grown) {
    const NativeHeap::Record& record = last_.records[stack->record];
    if (++counts[record.space] > native_sites_max) {
      continue;
    }
    leak::SiteGrowth site{.space = std::string(memory::native::space_name(record.space)),
                          .stack = frames_of(last_, record, names),
                          .count = stack->blocks.back() - stack->blocks[first],
                          .bytes = stack->bytes.back() - stack->bytes[first],
                          .seconds = times_.back() - times_[first]};
    for (std::size_t i = first; i < times_.size(); ++i) {
      site.points.push_back({times_[i], stack->bytes[i]});
    }
    sites.push_back(std::move(site));
  }
  return sites;
}

}  // namespace heapwatch::agent::commands
