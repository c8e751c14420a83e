// The memory map that ends many legacy profiles: which file stands where.
#include <re2/re2.h>

#include <algorithm>

#include "pprof/legacy/formats.h"
#include "pprof/legacy/pieces.h"

namespace heapwatch::pprof::legacy {
namespace {

// A map can hold a line for each mapping of a process.
constexpr std::size_t attributes_max = 1000;

struct Patterns {
  RE2 proc_maps{
      R"(^\s*(?:0x)?([[:xdigit:]]+)[\s-]?\s*(?:0x)?([[:xdigit:]]+):?(?:\s+([-rwxp]+))?)"
      R"((?:\s+([[:xdigit:]]+))?\s+[[:xdigit:]]+:[[:xdigit:]]+\s+[[:digit:]]+(?:\s+(\S+))?)"};
  RE2 brief_maps{R"(^\s*(?:0x)?([[:xdigit:]]+)[\s-]?\s*(?:0x)?([[:xdigit:]]+):?(?:\s+([-rwxp]+))?)"
                 R"((?:\s+(\S+))?(?:\s+\(@([[:xdigit:]]+)\))?(?:\s+([[:xdigit:]]+))?)"};
  RE2 log_prefix{R"(^[^\[\]]+:[0-9]+]\s)"};
  RE2 library{R"(([.]so$|[.]so[._][0-9]+))"};
};

const Patterns& patterns() {
  static const Patterns all;
  return all;
}

struct Entry {
  re2::StringPiece start, limit, permissions, file, offset, build_id;
};

/// Says whether the line is a mapping; those that hold no code are not added.
bool read_mapping(const std::string& line, Profile& profile) {
  Entry entry;
  const Patterns& p = patterns();
  if (!RE2::PartialMatch(line, p.proc_maps, &entry.start, &entry.limit, &entry.permissions,
                         &entry.offset, &entry.file)) {
    entry = {};
    if (!RE2::PartialMatch(line, p.brief_maps, &entry.start, &entry.limit, &entry.permissions,
                           &entry.file, &entry.offset, &entry.build_id)) {
      return false;
    }
  }
  if (!entry.permissions.empty() && entry.permissions.find('x') == re2::StringPiece::npos) {
    return true;
  }
  Mapping mapping;
  if (!parse_integer(view(entry.start), 16, mapping.start) ||
      !parse_integer(view(entry.limit), 16, mapping.limit) ||
      (!entry.offset.empty() && !parse_integer(view(entry.offset), 16, mapping.offset))) {
    return false;
  }
  mapping.file = profile.strings.add(view(entry.file));
  mapping.build_id = profile.strings.add(view(entry.build_id));
  profile.mappings.push_back(mapping);
  return true;
}

/// The `name=value` lines of a map, whose names later lines use as `$name`.
class Attributes {
 public:
  [[nodiscard]] std::string replace(std::string_view line) const {
    std::string out;
    while (!line.empty()) {
      const auto match = std::find_if(all_.begin(), all_.end(), [&](const auto& attribute) {
        return line.starts_with(attribute.first);
      });
      if (match == all_.end()) {
        out += line.front();
        line.remove_prefix(1);
      } else {
        out += match->second;
        line.remove_prefix(match->first.size());
      }
    }
    return out;
  }
  void read(std::string_view line) {
    const std::size_t equals = line.find('=');
    if (equals != std::string_view::npos && all_.size() < attributes_max) {
      all_.emplace_back("$" + std::string(trim_space(line.substr(0, equals))),
                        trim_space(line.substr(equals + 1)));
    }
  }

 private:
  std::vector<std::pair<std::string, std::string>> all_;
};

bool is_adjacent(const Mapping& a, const Mapping& b) {
  return (a.file == 0 || b.file == 0 || a.file == b.file) &&
         (a.build_id == 0 || b.build_id == 0 || a.build_id == b.build_id) && a.limit == b.start &&
         (a.offset == 0 || b.offset == 0 || a.offset + (a.limit - a.start) == b.offset);
}

void join_adjacent(std::vector<Mapping>& mappings) {
  std::vector<Mapping> joined;
  for (const Mapping& mapping : mappings) {
    if (joined.empty() || !is_adjacent(joined.back(), mapping)) {
      joined.push_back(mapping);
      continue;
    }
    Mapping& last = joined.back();
    last.limit = mapping.limit;
    if (mapping.file != 0) {
      last.file = mapping.file;
    }
    if (mapping.build_id != 0) {
      last.build_id = mapping.build_id;
    }
  }
  mappings = std::move(joined);
}

/// The program itself is the first mapping that is neither a library nor one of the kernel's.
void put_program_first(Profile& profile) {
  for (Mapping& mapping : profile.mappings) {
    std::string file(profile.text(mapping.file));
    RE2::GlobalReplace(&file, R"(\(deleted\))", "");
    const std::string_view name = trim_space(file);
    if (name.empty() || name.front() == '[' ||
        RE2::PartialMatch({name.data(), name.size()}, patterns().library)) {
      continue;
    }
    std::swap(profile.mappings.front(), mapping);
    return;
  }
}

}  // namespace

void skip_to_memory_map(Lines& lines) {
  while (!is_memory_map_sentinel(lines.line()) && lines.next()) {
  }
}

void read_memory_map(Lines& lines, Profile& profile) {
  Attributes attributes;
  while (lines.next()) {
    re2::StringPiece text(lines.line().data(), lines.line().size());
    RE2::Consume(&text, patterns().log_prefix);
    const std::string line = attributes.replace(view(text));
    if (!read_mapping(line, profile)) {
      attributes.read(line);
    }
  }
  join_adjacent(profile.mappings);
  put_program_first(profile);
}

void attach_mappings(Profile& profile) {
  std::vector<Mapping>& mappings = profile.mappings;
  // What is known of programs that remap their own code.
  if (mappings.size() > 1 && profile.text(mappings[0].file).starts_with("/anon_hugepage") &&
      mappings[0].limit == mappings[1].start) {
    mappings.erase(mappings.begin());
  }
  constexpr std::uint64_t usual_start = 0x400000;
  if (!mappings.empty() && mappings[0].start - mappings[0].offset == usual_start) {
    mappings[0].start = usual_start;
    mappings[0].offset = 0;
  }
  std::uint32_t made_up = no_index;
  for (Location& location : profile.locations) {
    const std::uint64_t address = location.address;
    if (address == 0) {
      continue;
    }
    auto found = std::find_if(mappings.begin(), mappings.end(), [&](const Mapping& mapping) {
      return mapping.start <= address && address < mapping.limit;
    });
    if (found == mappings.end()) {
      // The first part of a mapping that was split may be missing.
      found = std::find_if(mappings.begin(), mappings.end(), [&](const Mapping& mapping) {
        return mapping.offset != 0 && mapping.start - mapping.offset <= address &&
               address < mapping.start;
      });
      if (found != mappings.end()) {
        found->start -= found->offset;
        found->offset = 0;
      }
    }
    if (found != mappings.end()) {
      location.mapping = static_cast<std::uint32_t>(found - mappings.begin());
      continue;
    }
    if (made_up == no_index) {
      made_up = static_cast<std::uint32_t>(mappings.size());
      mappings.push_back({.limit = ~std::uint64_t{0}});
    }
    location.mapping = made_up;
  }
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    mappings[i].id = i + 1;
  }
}

}  // namespace heapwatch::pprof::legacy
