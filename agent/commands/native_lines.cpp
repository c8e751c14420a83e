#include "agent/commands/native_lines.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "agent/wiring/configured.h"
#include "base/counted.h"
#include "base/file.h"
#include "base/printable.h"
#include "memory/native/names.h"
#include "memory/native/watched_process.h"
#include "pprof/site.h"

namespace heapwatch::agent::commands {

namespace {

using memory::native::InterpretedFrame;
using memory::native::is_interpreted;
using memory::native::Names;
using memory::native::NativeHeap;

constexpr std::size_t functions_max = 3;  // of C that are shown of a stack
constexpr std::size_t source_bytes_max = std::size_t{4} << 20U;

/// `size` as the other reports have it: "10.69 KiB".
std::string amount(double size, const std::string& unit) {
  constexpr std::array<const char*, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t power = 0;
  if (unit == "dynamic") {
    for (double left = size; left >= 1024 && power + 1 < units.size(); left /= 1024) {
      ++power;
    }
  } else {
    const auto found = std::find_if(units.begin(), units.end(), [&](const std::string& name) {
      return !unit.empty() && std::tolower(unit.front()) == std::tolower(name.front());
    });
    power = found == units.end() ? 0 : static_cast<std::size_t>(found - units.begin());
  }
  for (std::size_t i = 0; i < power; ++i) {
    size /= 1024;
  }
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f %s",
                static_cast<int>(power == 0 ? 0 : std::min<std::size_t>(power + 1, 3)), size,
                units.at(power));
  return text.data();
}

/// A place of C below a line of Python.
struct Place {
  std::string file;
  std::uint32_t line = 0;
  std::vector<std::string> functions;  // of C, innermost first

  friend auto operator<=>(const Place& a, const Place& b) {
    return std::tie(a.file, a.line, a.functions) <=> std::tie(b.file, b.line, b.functions);
  }
  friend bool operator==(const Place&, const Place&) = default;
};

struct Amount {
  double bytes = 0;
  double blocks = 0;

  Amount operator-(const Amount& other) const {
    return {bytes - other.bytes, blocks - other.blocks};
  }
};

struct Held {
  Amount before;  // the first run
  Amount first;   // after it
  Amount last;
};

/// Whether code of this file is neither the C library's, CPython's nor ours.
bool is_of_an_extension(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  return !pprof::is_plumbing_library(path) && !name.starts_with("libpython") &&
         !name.starts_with("heapwatch") && !name.empty() && name.front() != '[';
}

/// The innermost line of Python that is the check's, or another's that it calls.
const InterpretedFrame* line_above(const NativeHeap& heap, const NativeHeap::Record& record) {
  const InterpretedFrame* innermost = nullptr;
  for (const std::uintptr_t frame : record.stack) {
    if (!is_interpreted(frame)) {
      continue;
    }
    const InterpretedFrame& found = heap.frames.at(memory::native::interpreted_number(frame));
    if (found.file.empty()) {
      continue;
    }
    innermost = innermost == nullptr ? &found : innermost;
    if (found.file.find("/datadog_checks/base/") == std::string::npos) {
      return &found;
    }
  }
  return innermost;
}

/// The functions between malloc and Python; none when no extension's is among them.
std::vector<std::string> functions_below(const NativeHeap& heap, const NativeHeap::Record& record,
                                         Names& names) {
  std::vector<std::string> functions;
  bool has_extension = false;
  for (const std::uintptr_t address : record.stack) {
    if (is_interpreted(address)) {
      break;
    }
    const NativeHeap::Mapping* const mapping =
        memory::native::mapping_of(heap.mappings, address - 1);
    if (mapping == nullptr || !is_of_an_extension(mapping->path)) {
      continue;
    }
    has_extension = true;
    const std::vector<symbols::Frame>& frames = names.at(*mapping, address - 1);
    const std::string library = mapping->path.substr(mapping->path.rfind('/') + 1);
    if (frames.empty() && (functions.empty() || functions.back() != "[" + library + "]")) {
      functions.push_back("[" + library + "]");
    }
    for (const symbols::Frame& frame : frames) {
      if (pprof::role_of(frame.function, frame.file) == pprof::FrameRole::code) {
        functions.push_back(frame.function + (frame.line == 0 ? " [" + library + "]"
                                                              : " " + frame.file + ":" +
                                                                    std::to_string(frame.line)));
      }
    }
  }
  if (functions.size() > functions_max) {
    functions.resize(functions_max);
  }
  return has_extension ? functions : std::vector<std::string>();
}

using Places = std::map<Place, Held>;

void add(Places& places, const NativeHeap& heap, const std::string& check_id, Amount Held::*when) {
  Names names;
  for (const NativeHeap::Record& record : heap.records) {
    const bool is_ours = record.check.empty() || record.check == check_id;
    if (record.inuse <= 0 || record.space != memtrack_space_native || !is_ours) {
      continue;
    }
    const InterpretedFrame* const line = line_above(heap, record);
    std::vector<std::string> functions = functions_below(heap, record, names);
    if (line == nullptr || functions.empty()) {
      continue;
    }
    const double blocks = record.weight * static_cast<double>(record.inuse);
    Held& held = places[{line->file, line->line, std::move(functions)}];
    (held.*when).bytes += blocks * static_cast<double>(record.size);
    (held.*when).blocks += blocks;
  }
}

/// The text of a line of a file, without blanks around it; empty when it is not to be had.
std::string source_line(const std::string& file, std::uint32_t line) {
  const auto text = base::read_file(file, source_bytes_max);
  if (!text || line == 0) {
    return {};
  }
  std::size_t start = 0;
  for (std::uint32_t i = 1; i < line && start != std::string::npos; ++i) {
    start = text->find('\n', start);
    start += start == std::string::npos ? 0 : 1;
  }
  if (start == std::string::npos) {
    return {};
  }
  std::string found = text->substr(start, text->find('\n', start) - start);
  found.erase(0, found.find_first_not_of(" \t"));
  return found;
}

std::string counted_blocks(double blocks) {
  return base::counted(static_cast<std::uint64_t>(std::llround(blocks)), "block");
}

using Row = std::pair<Place, Held>;

Amount since_start(const Held& held) {
  return held.last - held.before;
}

/// What is held that was not held before the first run, the most first.
std::vector<Row> rows_of(const NativeLooks& looks, const std::string& check_id) {
  Places places;
  for (const auto& [look, when] : {std::pair{&looks.last, &Held::last},
                                   {&looks.first, &Held::first},
                                   {&looks.before, &Held::before}}) {
    if (*look) {
      add(places, **look, check_id, when);
    }
  }
  std::vector<Row> rows;
  for (const auto& [place, held] : places) {
    if (since_start(held).bytes > 0) {
      rows.emplace_back(place, held);
    }
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    const double of_a = since_start(a.second).bytes;
    const double of_b = since_start(b.second).bytes;
    return of_a != of_b ? of_a > of_b : a.first < b.first;
  });
  return rows;
}

std::string text_of(const Row& row, const NativeLooks& looks, const std::string& unit) {
  const auto& [place, held] = row;
  const Amount now = since_start(held);
  std::string text = place.file + ":" + std::to_string(place.line) + ": " +
                     amount(now.bytes, unit) + " held in " + counted_blocks(now.blocks);
  if (looks.first && looks.runs > 1) {
    const double a_run = (held.last - held.first).bytes / (looks.runs - 1);
    text += std::string(a_run < 0 ? ", -" : ", +") + amount(std::abs(a_run), unit) + " a run";
  }
  text += "\n";
  if (const std::string source = source_line(place.file, place.line); !source.empty()) {
    text += "    " + source + "\n";
  }
  for (const std::string& function : place.functions) {
    text += "      in " + function + "\n";
  }
  return text;
}

}  // namespace

std::optional<NativeHeap> look_at_native_books() {
  const auto file = wiring::python_loader().heap_books(false);
  if (!file) {
    return std::nullopt;
  }
  const auto books = memory::native::WatchedProcess::open(*file, getpid(), "heapwatch");
  return books ? std::optional((*books)->heap()) : std::nullopt;
}

std::string native_lines(const NativeLooks& looks, const std::string& check_id,
                         const NativeLinesOptions& options) {
  const std::vector<Row> rows = rows_of(looks, check_id);
  if (rows.empty()) {
    return {};
  }
  const std::size_t shown = std::min(rows.size(), options.limit);
  Amount total;
  Amount rest;
  std::string lines;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Amount now = since_start(rows[i].second);
    total = {total.bytes + now.bytes, total.blocks + now.blocks};
    if (i < shown) {
      lines += "#" + std::to_string(i + 1) + ": " + text_of(rows[i], looks, options.unit);
    } else {
      rest.bytes += now.bytes;
    }
  }
  if (rows.size() > shown) {
    lines +=
        std::to_string(rows.size() - shown) + " other: " + amount(rest.bytes, options.unit) + "\n";
  }
  return base::printable_lines(
      "\nNative memory of C code that the check calls: " + amount(total.bytes, options.unit) +
      " held in " + counted_blocks(total.blocks) + "\n" + lines);
}

}  // namespace heapwatch::agent::commands
