// The names behind the addresses, as the comments of Go's own texts tell them.
#include <algorithm>

#include "pprof/legacy/formats.h"

namespace heapwatch::pprof::legacy {

/// Takes `#\t0xPC\tfunction+0xoffset\tfile:line`, and `# name = value` after the line that begins
/// the MemStats.
void GoSymbols::read(std::string_view comment) {
  if (comment.starts_with("# runtime.MemStats")) {
    in_mem_stats_ = true;
  }
  if (in_mem_stats_) {
    mem_stats_.push_back(comment);
    return;
  }
  if (!comment.starts_with("#\t0x")) {
    return;
  }
  comment.remove_prefix(4);
  const std::size_t name_at = comment.find('\t');
  if (name_at == std::string_view::npos) {
    return;
  }
  const std::size_t file_at = comment.find('\t', name_at + 1);
  if (file_at == std::string_view::npos) {
    return;
  }
  Symbol symbol{};
  std::string_view name = trim_space(comment.substr(name_at + 1, file_at - name_at - 1));
  std::string_view file = trim_space(comment.substr(file_at + 1));
  const std::size_t plus = name.rfind('+');
  const std::size_t colon = file.rfind(':');
  if (plus == std::string_view::npos || colon == std::string_view::npos ||
      !parse_integer(comment.substr(0, name_at), 16, symbol.address) ||
      !parse_integer(file.substr(colon + 1), 10, symbol.line)) {
    return;
  }
  symbol.name = name.substr(0, plus);
  symbol.file = file.substr(0, colon);
  symbols_.push_back(symbol);
}

bool GoSymbols::is_hidden(const Profile& profile, std::uint32_t location) const {
  const auto lines = profile.lines_of(profile.locations[location]);
  return lines.empty() ||
         profile.text(profile.functions[lines.back().function].name).starts_with("runtime.");
}

void GoSymbols::apply(StackBuilder& builder) {
  Profile& profile = builder.profile;
  for (const std::string_view line : mem_stats_) {
    profile.comments.push_back(profile.strings.add(line));
  }
  // The same place is explained with each stack it stands in; frames inlined at one address follow
  // each other, the innermost first.
  std::stable_sort(symbols_.begin(), symbols_.end(),
                   [](const Symbol& a, const Symbol& b) { return a.address < b.address; });
  for (Location& location : profile.locations) {
    const auto first = std::lower_bound(
        symbols_.begin(), symbols_.end(), location.address,
        [](const Symbol& symbol, std::uint64_t address) { return symbol.address < address; });
    location.first_line = static_cast<std::uint32_t>(profile.lines.size());
    for (auto at = first; at != symbols_.end() && at->address == location.address; ++at) {
      const bool repeated = at != first && at->name == first->name && at->line == first->line;
      if (repeated) {
        break;
      }
      profile.lines.push_back({.function = builder.function(at->name, at->file), .line = at->line});
      ++location.line_count;
    }
  }
  profile.samples.filter([&](Samples::Editable& sample) {
    std::size_t leaf = 0;
    while (leaf < sample.frames.size() && is_hidden(profile, sample.frames[leaf])) {
      ++leaf;
    }
    if (leaf == sample.frames.size()) {  // all of it is the runtime's own
      leaf = 0;
    }
    std::size_t root = sample.frames.size();
    while (root > leaf && profile.locations[sample.frames[root - 1]].line_count == 0) {
      --root;
    }
    if (root == leaf) {
      return true;
    }
    sample.frames = sample.frames.subspan(leaf, root - leaf);
    return true;
  });
}

}  // namespace heapwatch::pprof::legacy
