#define MEMTRACK_ALLOW_RAW  // the arrays of pprof::Profile grow through realloc, which moves pages
#include "memory/native/native_heap.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>
#include <tuple>

#include "base/text.h"
#include "memory/native/ages.h"
#include "memory/native/names.h"
#include "pprof/encode.h"
#include "pprof/gunzip.h"
#include "pprof/site.h"

namespace heapwatch::memory::native {

namespace {

using Record = NativeHeap::Record;
using Mapping = NativeHeap::Mapping;

/// Frames that readers leave out, with all they call: the functions that hand out memory.
constexpr const char* allocators =
    "_?(malloc|calloc|realloc|aligned_alloc)|strdupe|_?_libc_(malloc|calloc|realloc|memalign)|"
    "(posix_)?memalign|reallocarray|p?valloc|operator new(\\[\\])?(\\(.*\\))?|_Zn[wa]m.*|"
    "std::(__new_allocator<.*>|allocator_traits<.*>|__allocate_guarded)::allocate\\(.*";

std::int64_t scaled(std::int64_t count, double by) {
  return std::llround(static_cast<double>(count) * by);
}

/// Builds the arrays of a pprof::Profile.
class Builder {
 public:
  Builder(const NativeHeap& heap, const NativeProfileOptions& options)
      : heap_(heap), options_(options) {}

  pprof::Profile run() {
    add_head();
    add_mappings();
    profile_.samples.set_type_count(4);
    find_survival();
    for (const Record& record : heap_.records) {
      if (record.allocated != 0 || record.inuse != 0) {
        add_samples(record);
      }
    }
    return std::move(profile_);
  }

 private:
  pprof::StringId text(std::string_view value) { return profile_.strings.add(value); }

  /// What of a site lives still of what it held at the mark, in percent, for each of its samples.
  void find_survival() {
    for (const SiteLife& site : site_lives(heap_)) {
      if (site.bytes_then > 0) {
        survival_[{site.space, site.stack}] =
            static_cast<std::int64_t>(std::llround(100 * site.survival()));
      }
    }
  }

  /// One for the blocks of each age that are in use, and one for all others.
  void add_samples(const Record& record) {
    const BlocksByAge in_use = blocks_by_age(record, heap_.now);
    std::int64_t allocated = record.allocated;
    std::int64_t left = record.inuse;
    for (std::size_t age = 0; age < in_use.size(); ++age) {
      if (in_use[age] > 0) {
        const std::int64_t made_here = std::min(in_use[age], allocated);
        add_sample(record, made_here, in_use[age], &age_classes[age]);
        allocated -= made_here;
        left -= in_use[age];
      }
    }
    if (allocated != 0 || left != 0) {
      add_sample(record, allocated, left, nullptr);
    }
  }

  void add_sample(const Record& record, std::int64_t allocated, std::int64_t in_use,
                  const std::chrono::seconds* age) {
    for (const std::uintptr_t frame : record.stack) {
      profile_.samples.add_frame(is_interpreted(frame) ? location_of_frame(frame)
                                                       : location_of(frame - 1, record.process));
    }
    const double block_bytes = record.weight * static_cast<double>(record.size);
    profile_.samples.add_value(scaled(allocated, record.weight));
    profile_.samples.add_value(scaled(allocated, block_bytes));
    profile_.samples.add_value(scaled(in_use, record.weight));
    profile_.samples.add_value(scaled(in_use, block_bytes));
    // Texts come before numbers, each in the order of their keys.
    for (const auto& [key, value] :
         {std::pair<const char*, std::string_view>{"check", record.check},
          {"component", record.component},
          {"process", record.process},
          {"space", space_name(record.space)},
          {"thread", record.thread}}) {
      if (!value.empty()) {
        profile_.samples.add_label({.key = text(key), .text = text(value)});
      }
    }
    if (age != nullptr) {
      add_number("age", age->count(), "seconds");
    }
    add_number("bytes", static_cast<std::int64_t>(record.size), "");
    if (const auto found = survival_.find({record.space, record.stack});
        age != nullptr && record.process.empty() && found != survival_.end()) {
      add_number("survival", found->second, "percent");
    }
    profile_.samples.finish_sample();
  }

  void add_number(std::string_view key, std::int64_t number, std::string_view unit) {
    profile_.samples.add_label({.key = text(key),
                                .is_number = true,
                                .text = unit.empty() ? pprof::StringId{0} : text(unit),
                                .number = number});
  }

  void add_head() {
    const pprof::StringId count = text("count");
    const pprof::StringId bytes = text("bytes");
    profile_.sample_types = {{text("alloc_objects"), count},
                             {text("alloc_space"), bytes},
                             {text("inuse_objects"), count},
                             {text("inuse_space"), bytes}};
    profile_.default_sample_type = text(options_.allocations ? "alloc_space" : "inuse_space");
    profile_.drop_frames = text(allocators);
    profile_.comments = {text(pprof::native_comment)};
    profile_.period_type = {text("space"), bytes};
    profile_.period = static_cast<std::int64_t>(heap_.interval);
    profile_.time_nanos =
        std::chrono::duration_cast<std::chrono::nanoseconds>(heap_.time.time_since_epoch()).count();
    profile_.duration_nanos = heap_.duration.count();
  }

  void add_mappings() {
    for (const Mapping& mapping : heap_.mappings) {
      pprof::Mapping& added = profile_.mappings.emplace_back();
      added.id = profile_.mappings.size();
      added.start = mapping.start;
      added.limit = mapping.limit;
      added.offset = mapping.offset;
      added.file = text(mapping.path);
      added.build_id = text(mapping.build_id);
    }
  }

  std::uint32_t location_of(std::uintptr_t address, const std::string& process) {
    const auto [known, is_new] = locations_.try_emplace(
        {process, address}, static_cast<std::uint32_t>(profile_.locations.size()));
    if (is_new) {
      pprof::Location& location = profile_.locations.emplace_back();
      location.id = profile_.locations.size();
      location.address = address;
      location.first_line = static_cast<std::uint32_t>(profile_.lines.size());
      if (const Mapping* const mapping = mapping_of(heap_.mappings, address, process)) {
        location.mapping = static_cast<std::uint32_t>(mapping - heap_.mappings.data());
        name(location, *mapping);
      }
    }
    return known->second;
  }

  /// Of an interpreter: it has a file and a line, and no address.
  std::uint32_t location_of_frame(std::uintptr_t frame) {
    const auto [known, is_new] = locations_.try_emplace(
        {std::string(), frame}, static_cast<std::uint32_t>(profile_.locations.size()));
    if (is_new) {
      pprof::Location& location = profile_.locations.emplace_back();
      location.id = profile_.locations.size();
      location.first_line = static_cast<std::uint32_t>(profile_.lines.size());
      location.line_count = 1;
      const InterpretedFrame& described = heap_.frames.at(interpreted_number(frame));
      profile_.lines.push_back({.function = function_of(described), .line = described.line});
    }
    return known->second;
  }

  std::uint32_t function_of(const InterpretedFrame& frame) {
    const auto [known, is_new] =
        interpreted_.try_emplace({frame.file, frame.name, frame.first_line},
                                 static_cast<std::uint32_t>(profile_.functions.size()));
    if (is_new) {
      const pprof::StringId name = text(frame.name);
      profile_.functions.push_back({.id = profile_.functions.size() + 1,
                                    .name = name,
                                    .system_name = name,
                                    .file = text(frame.file),
                                    .start_line = frame.first_line});
    }
    return known->second;
  }

  void name(pprof::Location& location, const Mapping& mapping) {
    if (!options_.symbolize) {
      return;
    }
    pprof::Mapping& named = profile_.mappings[location.mapping];
    for (const symbols::Frame& frame : names_.at(mapping, location.address)) {
      profile_.lines.push_back({.function = function_of(frame), .line = frame.line});
      ++location.line_count;
      named.has_functions = true;
      named.has_filenames = named.has_filenames || !frame.file.empty();
      named.has_line_numbers = named.has_line_numbers || frame.line != 0;
      named.has_inline_frames = named.has_inline_frames || frame.line != 0;
    }
  }

  std::uint32_t function_of(const symbols::Frame& frame) {
    const pprof::StringId system_name = text(frame.system_name);
    const pprof::StringId file = text(frame.file);
    const auto [known, is_new] =
        functions_.try_emplace({system_name, file, frame.start_line},
                               static_cast<std::uint32_t>(profile_.functions.size()));
    if (is_new) {
      profile_.functions.push_back({.id = profile_.functions.size() + 1,
                                    .name = text(frame.function),
                                    .system_name = system_name,
                                    .file = file,
                                    .start_line = frame.start_line});
    }
    return known->second;
  }

  const NativeHeap& heap_;
  const NativeProfileOptions& options_;
  pprof::Profile profile_;
  Names names_;
  std::map<std::pair<memtrack_space, std::vector<std::uintptr_t>>, std::int64_t> survival_;
  std::map<std::pair<std::string, std::uintptr_t>, std::uint32_t> locations_;
  std::map<std::tuple<pprof::StringId, pprof::StringId, std::int64_t>, std::uint32_t> functions_;
  std::map<std::tuple<std::string, std::string, std::uint32_t>, std::uint32_t> interpreted_;
};

void append_counts(std::string& out, const Record& record) {
  const auto size = static_cast<std::int64_t>(record.size);
  out += std::to_string(record.inuse) + ": " + std::to_string(record.inuse * size) + " [" +
         std::to_string(record.allocated) + ": " + std::to_string(record.allocated * size) + "]";
}

}  // namespace

std::string_view space_name(memtrack_space space) {
  constexpr std::array<std::string_view, memtrack_spaces> names{"native", "python", "mmap",
                                                                "stack"};
  const auto index = static_cast<std::size_t>(space);
  return index < names.size() ? names[index] : "unknown";
}

std::string hex_digits(const std::uint8_t* bytes, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    base::append_hex(text, bytes[i], 2);
  }
  return text;
}

std::string hexadecimal(std::uint64_t value) {
  char text[16];
  const auto end = std::to_chars(std::begin(text), std::end(text), value, 16).ptr;
  return "0x" + std::string(std::begin(text), end);
}

const Mapping* mapping_of(const std::vector<Mapping>& maps, std::uintptr_t address,
                          const std::string& process) {
  for (const Mapping& mapping : maps) {
    if (address >= mapping.start && address < mapping.limit && mapping.process == process) {
      return &mapping;
    }
  }
  return nullptr;
}

std::vector<Mapping> own_mappings() {
  std::vector<Mapping> mappings;
  memtrack_mappings(
      [](const memtrack_mapping* mapping, void* into) {
        static_cast<std::vector<Mapping>*>(into)->push_back(
            {mapping->start,
             mapping->limit,
             mapping->offset,
             mapping->path,
             {},
             hex_digits(mapping->build_id, mapping->build_id_size)});
      },
      &mappings);
  return mappings;
}

NativeHeap own_native_heap() {
  const std::unique_ptr<memtrack_profile, void (*)(memtrack_profile*)> taken(
      memtrack_profile_take(), memtrack_profile_release);
  if (!taken) {
    throw std::runtime_error("no memory for a copy of the heap profile");
  }
  NativeHeap heap;
  heap.time = std::chrono::system_clock::now();
  heap.counters = memtrack_stats();
  heap.interval = memtrack_sample_interval();
  heap.mappings = own_mappings();
  for (std::size_t i = 0; i < memtrack_profile_size(taken.get()); ++i) {
    const memtrack_sample sample = memtrack_profile_at(taken.get(), i);
    heap.records.push_back({.stack = SharedStack::Frames(sample.stack, sample.stack + sample.depth),
                            .component = memtrack_component_name(sample.component),
                            .number = i,
                            .size = sample.size,
                            .allocated = static_cast<std::int64_t>(sample.allocated),
                            .inuse = static_cast<std::int64_t>(sample.inuse),
                            .weight = sample.weight,
                            .space = sample.space});
  }
  return heap;
}

void append(NativeHeap& heap, NativeHeap other, const std::string& name) {
  const std::size_t first = heap.frames.size();
  std::move(other.frames.begin(), other.frames.end(), std::back_inserter(heap.frames));
  const std::chrono::milliseconds later = heap.now - other.now;
  for (Record& record : other.records) {
    record.process = name;
    record.at_mark = 0;  // which is another moment
    for (Record::Birth& birth : record.births) {
      birth.at += later;
    }
    if (std::any_of(record.stack.begin(), record.stack.end(), is_interpreted)) {
      SharedStack::Frames frames = record.stack;
      for (std::uintptr_t& frame : frames) {
        frame += is_interpreted(frame) ? first : 0;
      }
      record.stack = std::move(frames);
    }
    heap.records.push_back(std::move(record));
  }
  for (Mapping& mapping : other.mappings) {
    if (name.empty() && mapping_of(heap.mappings, mapping.start) != nullptr) {
      continue;
    }
    mapping.process = name;
    heap.mappings.push_back(std::move(mapping));
  }
}

NativeHeap native_heap_between(const NativeHeap& earlier, NativeHeap later) {
  std::map<std::pair<std::int64_t, std::uint64_t>, const Record*> known;
  for (const Record& record : earlier.records) {
    known[{record.books, record.number}] = &record;
  }
  for (Record& record : later.records) {
    if (const auto before = known.find({record.books, record.number}); before != known.end()) {
      record.allocated -= before->second->allocated;
      record.inuse -= before->second->inuse;
      record.temporary -= before->second->temporary;
    }
    record.births.clear();
  }
  later.mark = {};
  later.duration = later.time - earlier.time;
  return later;
}

pprof::Profile native_profile(const NativeHeap& heap, const NativeProfileOptions& options) {
  return Builder(heap, options).run();
}

std::string native_profile_bytes(const NativeHeap& heap, const NativeProfileOptions& options) {
  const std::string plain = pprof::encode_proto(native_profile(heap, options));
  return pprof::gzip(plain);
}

std::string native_profile_text(const NativeHeap& heap) {
  Record total{.size = 1};
  std::string lines;
  Names names;
  for (const Record& record : heap.records) {
    if (record.allocated == 0 && record.inuse == 0) {
      continue;
    }
    append_counts(lines, record);
    lines += " @";
    for (const std::uintptr_t address : record.stack) {
      lines += ' ' + hexadecimal(address);
    }
    lines += '\n';
    for (const std::uintptr_t address : record.stack) {
      std::vector<std::string> frames;
      append_described(frames, address, heap.mappings, heap.frames, names);
      for (const std::string& frame : frames) {
        lines += "#\t" + frame + '\n';
      }
    }
    lines += '\n';
  }
  std::int64_t inuse = 0;
  std::int64_t allocated = 0;
  for (const Record& record : heap.records) {
    const auto size = static_cast<std::int64_t>(record.size);
    total.inuse += record.inuse;
    total.allocated += record.allocated;
    inuse += record.inuse * size;
    allocated += record.allocated * size;
  }
  const memtrack_counters& c = heap.counters;
  std::string text = "heap profile: " + std::to_string(total.inuse) + ": " + std::to_string(inuse) +
                     " [" + std::to_string(total.allocated) + ": " + std::to_string(allocated) +
                     "] @ heap/" + std::to_string(2 * heap.interval) + '\n' + lines +
                     "\n# memtrack\n";
  for (const auto& [name, value] : {std::pair{"AllocatedBytes", c.allocated_bytes},
                                    {"FreedBytes", c.freed_bytes},
                                    {"Allocations", c.allocations},
                                    {"Frees", c.frees},
                                    {"InuseBytes", c.inuse_bytes},
                                    {"UntrackedFrees", c.untracked_frees}}) {
    text += "# " + std::string(name) + " = " + std::to_string(value) + '\n';
  }
  text += "\nMAPPED_LIBRARIES:\n";
  for (const Mapping& mapping : heap.mappings) {
    text += hexadecimal(mapping.start).substr(2) + '-' + hexadecimal(mapping.limit).substr(2) +
            " r-xp " + hexadecimal(mapping.offset).substr(2) + " 00:00 0 " + mapping.path + '\n';
  }
  return text;
}

std::vector<std::string> described_stack(const std::vector<std::uintptr_t>& stack,
                                         const std::vector<Mapping>& maps,
                                         const std::vector<InterpretedFrame>& frames) {
  Names names;
  std::vector<std::string> lines;
  lines.reserve(stack.size());
  for (const std::uintptr_t address : stack) {
    append_described(lines, address, maps, frames, names);
  }
  return lines;
}

}  // namespace heapwatch::memory::native
