#include "memory/native/names.h"

#include <map>
#include <utility>

#include "pprof/site.h"
#include "symbols/symbolizer.h"

namespace heapwatch::memory::native {

namespace {

using symbols::Frame;

constexpr std::size_t known_max = 50'000;  // addresses
constexpr std::size_t kept_bytes = std::size_t{32} << 20U;

symbols::SymbolizerOptions options() {
  symbols::SymbolizerOptions options;
  options.bytes_max = std::size_t{256} << 20U;
  options.dwarf.sections_bytes_max = std::size_t{1} << 30U;
  options.dwarf.tables_bytes_max = std::size_t{128} << 20U;
  options.dwarf.kept_max = 2'000'000;
  return options;
}

/// What all profiles of this program share.
struct Shared {
  std::mutex mutex;
  symbols::Symbolizer symbolizer{options()};
  std::map<std::pair<std::string, std::uint64_t>, std::vector<Frame>> known;
};

Shared& shared() {
  static Shared all;
  return all;
}

}  // namespace

Names::Names() : lock_(shared().mutex) {}

Names::~Names() {
  shared().symbolizer.keep(kept_bytes);
}

const std::vector<Frame>& Names::at(const NativeHeap::Mapping& mapping, std::uintptr_t address) {
  Shared& all = shared();
  // Of one build id an offset is the same place for ever; of a path it is not.
  const std::pair key{mapping.build_id, address - mapping.start + mapping.offset};
  if (!mapping.build_id.empty()) {
    if (const auto found = all.known.find(key); found != all.known.end()) {
      return found->second;
    }
  }
  auto frames = all.symbolizer.frames({.path = mapping.path,
                                       .build_id = mapping.build_id,
                                       .start = mapping.start,
                                       .limit = mapping.limit,
                                       .offset = mapping.offset},
                                      address);
  if (!frames) {
    found_.clear();
    return found_;
  }
  found_ = std::move(*frames);
  if (!mapping.build_id.empty()) {
    if (all.known.size() >= known_max) {
      all.known.clear();
    }
    all.known.emplace(key, found_);
  }
  return found_;
}

std::string function_name(std::uintptr_t address, const std::vector<NativeHeap::Mapping>& maps,
                          Names& names) {
  const NativeHeap::Mapping* const mapping = mapping_of(maps, address);
  if (mapping == nullptr) {
    return {};
  }
  const std::vector<Frame>& frames = names.at(*mapping, address);
  return frames.empty() ? std::string() : frames.back().function;
}

namespace {

std::string described(const std::string& address, const Frame& frame, const std::string& path) {
  std::string line = address + ' ' + frame.function;
  line += frame.is_inlined ? " (inlined)" : '+' + hexadecimal(frame.offset + 1);
  return line + ' ' + (frame.line == 0 ? path : frame.file + ':' + std::to_string(frame.line));
}

}  // namespace

void append_described(std::vector<std::string>& lines, std::uintptr_t address,
                      const std::vector<NativeHeap::Mapping>& maps,
                      const std::vector<InterpretedFrame>& interpreted, Names& names) {
  if (is_interpreted(address)) {
    const InterpretedFrame& frame = interpreted.at(interpreted_number(address));
    lines.push_back(frame.file.empty()
                        ? frame.name
                        : frame.name + ' ' + frame.file + ':' + std::to_string(frame.line));
    return;
  }
  const std::string start = hexadecimal(address);
  const NativeHeap::Mapping* const mapping = mapping_of(maps, address - 1);
  if (mapping == nullptr) {
    lines.push_back(start);
    return;
  }
  const std::vector<Frame>& frames = names.at(*mapping, address - 1);
  for (const Frame& frame : frames) {
    lines.push_back(described(start, frame, mapping->path));
  }
  if (frames.empty()) {
    lines.push_back(start + ' ' + mapping->path);
  }
}

std::vector<std::string> described_frames_that_matter(
    const std::vector<std::uintptr_t>& stack, const std::vector<NativeHeap::Mapping>& maps,
    const std::vector<InterpretedFrame>& interpreted) {
  Names names;
  std::vector<std::string> all;
  std::vector<std::string> that_matter;
  for (const std::uintptr_t address : stack) {
    const NativeHeap::Mapping* const mapping =
        is_interpreted(address) ? nullptr : mapping_of(maps, address - 1);
    const std::size_t first = all.size();
    append_described(all, address, maps, interpreted, names);
    if (mapping == nullptr) {
      that_matter.insert(that_matter.end(), all.begin() + static_cast<std::ptrdiff_t>(first),
                         all.end());
      continue;
    }
    if (pprof::is_plumbing_library(mapping->path)) {
      continue;
    }
    const std::vector<Frame>& frames = names.at(*mapping, address - 1);
    if (frames.empty()) {
      that_matter.push_back(all.back());
    }
    for (std::size_t i = 0; i < frames.size(); ++i) {
      if (!pprof::is_plumbing(frames[i].function, frames[i].file) &&
          frames[i].function != "_start") {
        that_matter.push_back(all[first + i]);
      }
    }
  }
  return that_matter.empty() ? all : that_matter;
}

}  // namespace heapwatch::memory::native
