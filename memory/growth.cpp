#include "memory/growth.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <map>

#include "base/json_document.h"
#include "memory/text.h"

namespace heapwatch::memory {

namespace {

constexpr std::array states{State::live, State::dead, State::held, State::overhead, State::mapped};

std::uint64_t number_of(const base::JsonValue& object, const char* key) {
  const base::JsonValue* const value = base::json_member(object, key);
  return value != nullptr && value->IsUint64() ? value->GetUint64() : 0;
}

template <typename Enum, std::size_t count>
Enum named(const std::array<Enum, count>& all, const std::string& name, Enum otherwise) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](Enum one) { return name_of(one) == name; });
  return found == all.end() ? otherwise : *found;
}

std::chrono::system_clock::time_point time_of(const std::string& text) {
  std::tm parts{};
  return strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts) == nullptr
             ? std::chrono::system_clock::time_point{}
             : std::chrono::system_clock::from_time_t(timegm(&parts));
}

/// Bytes and counts by name, of both looks.
class Pairs {
 public:
  void before(const std::string& name, std::uint64_t bytes, std::uint64_t count) {
    Pair& pair = pairs_[name];
    pair.before += bytes;
    pair.count_before += count;
  }
  void after(const std::string& name, std::uint64_t bytes, std::uint64_t count) {
    Pair& pair = pairs_[name];
    pair.after += bytes;
    pair.count_after += count;
  }
  [[nodiscard]] std::vector<Change> changes() const {
    std::vector<Change> changes;
    for (const auto& [name, pair] : pairs_) {
      if (pair.before != pair.after) {
        changes.push_back({name, pair.before, pair.after,
                           static_cast<std::int64_t>(pair.count_after - pair.count_before)});
      }
    }
    std::stable_sort(changes.begin(), changes.end(),
                     [](const Change& a, const Change& b) { return a.bytes() > b.bytes(); });
    return changes;
  }

 private:
  struct Pair {
    std::uint64_t before = 0;
    std::uint64_t after = 0;
    std::uint64_t count_before = 0;
    std::uint64_t count_after = 0;
  };
  std::map<std::string, Pair> pairs_;
};

/// What tells a row apart, of its note as JSON has it: what follows a semicolon explains, and names
/// nothing, and how far it may be off is another number each time.
std::string detail_of(const Row& row, const std::string& note) {
  return row.space == Space::unexplained || note.starts_with("torn:")
             ? ""
             : note.substr(0, note.find(';'));
}

std::string name_of_row(const Row& row) {
  std::string name(name_of(row.space));
  if (!row.owner.empty() && row.owner != name) {
    name += " " + row.owner;
  }
  if (row.state != State::mapped) {
    name += " " + std::string(name_of(row.state));
  }
  return name + (row.detail.empty() ? "" : ": " + row.detail);
}

void append_changes(std::string& out, const std::string& title, const std::vector<Change>& changes,
                    std::size_t most, double seconds, const char* what) {
  if (changes.empty()) {
    return;
  }
  out += title + "\n";
  for (std::size_t i = 0; i < changes.size() && i < most; ++i) {
    const Change& change = changes[i];
    const auto bytes = static_cast<double>(change.bytes());
    std::array<char, 256> line{};
    std::snprintf(line.data(), line.size(), "  %-62.150s %10s", change.name.c_str(),
                  signed_size(bytes).c_str());
    out += line.data();
    if (seconds >= 1) {
      std::string rate = signed_size(bytes / seconds) + "/s";
      out += std::string(rate.size() < 13 ? 13 - rate.size() : 1, ' ') + rate;
    }
    if (change.objects != 0) {
      out += "  " + std::string(change.objects > 0 ? "+" : "") + std::to_string(change.objects) +
             " " + what;
    }
    out += "\n";
  }
  if (changes.size() > most) {
    out += "  and " + std::to_string(changes.size() - most) + " more\n";
  }
}

}  // namespace

Reference reference_of(const Survey& survey) {
  Reference reference{.pid = survey.pid,
                      .command = survey.command,
                      .time = survey.time,
                      .rss = survey.rss,
                      .rows = survey.rows,
                      .types = survey.types};
  for (Row& row : reference.rows) {
    if (row.detail.empty()) {
      row.detail = detail_of(row, row.note);
    }
  }
  for (const AllocatorReport& report : survey.allocators) {
    for (const SizeCount& size : report.sizes) {
      reference.sizes.push_back({report.name, size});
    }
  }
  return reference;
}

base::Result<Reference> parse_reference(std::string_view json) {
  const auto document = base::parse_json(json, "heapwatch.memory/1", "heapwatch memory PID --json");
  if (!document) {
    return tl::unexpected(document.error());
  }
  Reference reference{.pid = static_cast<int>(number_of(*document, "pid")),
                      .command = base::json_text(*document, "command"),
                      .time = time_of(base::json_text(*document, "time")),
                      .rss = number_of(*document, "rss_bytes")};
  for (const base::JsonValue* row : base::json_objects(*document, "rows")) {
    reference.rows.push_back({.space = named(spaces, base::json_text(*row, "space"), Space::other),
                              .owner = base::json_text(*row, "owner"),
                              .state = named(states, base::json_text(*row, "state"), State::mapped),
                              .bytes = number_of(*row, "bytes"),
                              .blocks = number_of(*row, "blocks")});
    Row& read = reference.rows.back();
    read.detail = detail_of(read, base::json_text(*row, "note"));
  }
  for (const base::JsonValue* allocator : base::json_objects(*document, "allocators")) {
    for (const base::JsonValue* size : base::json_objects(*allocator, "sizes")) {
      reference.sizes.push_back({.owner = base::json_text(*allocator, "name"),
                                 .count = {number_of(*size, "size"), number_of(*size, "blocks")}});
    }
  }
  for (const base::JsonValue* type : base::json_objects(*document, "types")) {
    reference.types.push_back(
        {.space = named(spaces, base::json_text(*type, "space"), Space::native),
         .name = base::json_text(*type, "name"),
         .objects = number_of(*type, "objects"),
         .bytes = number_of(*type, "bytes")});
  }
  return reference;
}

Growth growth_between(const Reference& before, const Reference& after) {
  Growth growth{.span = after.time - before.time,
                .rss = static_cast<std::int64_t>(after.rss - before.rss)};
  Pairs by_space;
  Pairs rows;
  Pairs sizes;
  Pairs types;
  for (const Row& row : before.rows) {
    by_space.before(std::string(name_of(row.space)), row.bytes, 0);
    rows.before(name_of_row(row), row.bytes, row.blocks.value_or(0));
  }
  for (const Row& row : after.rows) {
    by_space.after(std::string(name_of(row.space)), row.bytes, 0);
    rows.after(name_of_row(row), row.bytes, row.blocks.value_or(0));
  }
  const auto size_name = [](const OwnedSize& one) {
    return one.owner + " blocks of " + std::to_string(one.count.size) + " bytes";
  };
  for (const OwnedSize& one : before.sizes) {
    sizes.before(size_name(one), one.count.size * one.count.blocks, one.count.blocks);
  }
  for (const OwnedSize& one : after.sizes) {
    sizes.after(size_name(one), one.count.size * one.count.blocks, one.count.blocks);
  }
  // Types are counted when they are asked for: only two counts can be compared.
  const bool both_counted = !before.types.empty() && !after.types.empty();
  for (const TypeCount& one : both_counted ? before.types : std::vector<TypeCount>{}) {
    types.before(std::string(name_of(one.space)) + " " + one.name, one.bytes, one.objects);
  }
  for (const TypeCount& one : both_counted ? after.types : std::vector<TypeCount>{}) {
    types.after(std::string(name_of(one.space)) + " " + one.name, one.bytes, one.objects);
  }
  growth.spaces = by_space.changes();
  growth.rows = rows.changes();
  growth.sizes = sizes.changes();
  growth.types = types.changes();
  return growth;
}

std::string to_text(const Growth& growth, const GrowthTextOptions& options) {
  const double seconds = growth.span.count();
  std::array<char, 64> span{};
  std::snprintf(span.data(), span.size(), "%.0f", seconds);
  std::string out = "in " + std::string(span.data()) + " s: RSS " +
                    signed_size(static_cast<double>(growth.rss)) + "\n";
  append_changes(out, "spaces:", growth.spaces, growth.spaces.size(), seconds, "");
  append_changes(out, "rows:", growth.rows, growth.rows.size(), seconds, "blocks");
  append_changes(out, "live blocks by size, what grew most first:", growth.sizes, options.sizes,
                 seconds, "blocks");
  append_changes(out, "live objects by type, what grew most first:", growth.types, options.types,
                 seconds, "objects");
  return out;
}

}  // namespace heapwatch::memory
