#include "memory/picture.h"

#include <algorithm>

namespace heapwatch::memory {

namespace {

constexpr std::array<std::string_view, 9> space_names{
    "go", "native", "python", "stacks", "files", "shared", "own", "other", "unexplained"};
constexpr std::array<std::string_view, 5> state_names{"live", "dead", "held", "overhead", "mapped"};
constexpr std::array<std::string_view, 4> source_names{"counter", "walk", "inferred", "mapping"};

std::string protection_of(const process::Mapping& mapping) {
  return {mapping.readable ? 'r' : '-', mapping.writable ? 'w' : '-',
          mapping.executable ? 'x' : '-', mapping.shared ? 's' : 'p'};
}

}  // namespace

std::string_view name_of(Space space) {
  return space_names[static_cast<std::size_t>(space)];
}
std::string_view name_of(State state) {
  return state_names[static_cast<std::size_t>(state)];
}
std::string_view name_of(Source source) {
  return source_names[static_cast<std::size_t>(source)];
}

Picture::Picture(std::shared_ptr<const process::ProcessView> view) : view_(std::move(view)) {}

std::vector<process::Range> Picture::unclaimed(std::uint64_t begin, std::uint64_t end) const {
  std::vector<process::Range> parts;
  auto next = claimed_.upper_bound(begin);
  if (next != claimed_.begin()) {
    begin = std::max(begin, std::prev(next)->second);
  }
  for (; begin < end && next != claimed_.end() && next->first < end; ++next) {
    if (next->first > begin) {
      parts.push_back({begin, next->first});
    }
    begin = std::max(begin, next->second);
  }
  if (begin < end) {
    parts.push_back({begin, end});
  }
  return parts;
}

bool Picture::is_claimed(std::uint64_t address) const {
  const auto next = claimed_.upper_bound(address);
  return next != claimed_.begin() && std::prev(next)->second > address;
}

std::uint64_t Picture::unclaimed_bytes(std::uint64_t begin, std::uint64_t end) const {
  std::uint64_t sum = 0;
  for (const process::Range& part : unclaimed(begin, end)) {
    sum += view_->residency().bytes(part.begin, part.end);
  }
  return sum;
}

std::vector<process::Range> Picture::unclaimed_heap_memory() const {
  std::vector<process::Range> parts;
  for (const process::Mapping& mapping : view_->mappings()) {
    if (!mapping.is_anonymous() || !mapping.readable || !mapping.writable || mapping.outside_rss) {
      continue;
    }
    for (const process::Range& part : unclaimed(mapping.begin, mapping.end)) {
      if (!parts.empty() && parts.back().end == part.begin) {
        parts.back().end = part.end;
      } else {
        parts.push_back(part);
      }
    }
  }
  return parts;
}

std::uint64_t Picture::unclaimed_heap_bytes() const {
  std::uint64_t bytes = 0;
  for (const process::Range& range : unclaimed_heap_memory()) {
    bytes += view_->residency().bytes(range.begin, range.end);
  }
  return bytes;
}

/// Makes a range claimed; the resident bytes that were not claimed before.
std::uint64_t Picture::claim(std::uint64_t begin, std::uint64_t end) {
  std::uint64_t bytes = 0;
  for (const process::Range& part : unclaimed(begin, end)) {
    bytes += view_->residency().bytes(part.begin, part.end);
  }
  if (begin >= end) {
    return 0;
  }
  auto first = claimed_.upper_bound(begin);
  if (first != claimed_.begin() && std::prev(first)->second >= begin) {
    --first;
  }
  std::uint64_t from = begin;
  std::uint64_t to = end;
  while (first != claimed_.end() && first->first <= end) {
    from = std::min(from, first->first);
    to = std::max(to, first->second);
    first = claimed_.erase(first);
  }
  claimed_[from] = to;
  return bytes;
}

/// Whether all of it was there to be moved.
bool Picture::split(Split split) {
  Amount& from = amounts_[{split.space, split.owner, split.from, split.from_detail}];
  const std::uint64_t bytes = std::min(from.bytes, split.bytes);
  from.bytes -= bytes;
  Amount& to = amounts_[{split.space, std::move(split.owner), split.to, std::move(split.detail)}];
  to.bytes += bytes;
  to.source = split.source;
  if (split.blocks) {
    to.blocks = to.blocks.value_or(0) + *split.blocks;
  }
  if (!split.note.empty()) {
    to.note = std::move(split.note);
  }
  to.torn_bytes = std::max(to.torn_bytes, split.torn_bytes);
  return bytes == split.bytes;
}

void Picture::take(std::string_view reader, Found found) {
  for (Claim& one : found.claims) {
    const std::uint64_t bytes = claim(one.begin, one.end);
    claimed_bytes_ += bytes;
    Amount& amount = amounts_[{one.space, std::move(one.owner), one.state, std::move(one.detail)}];
    amount.bytes += bytes;
    amount.source = one.source;
  }
  std::uint64_t short_of = 0;
  for (Split& one : found.splits) {
    short_of += split(std::move(one)) ? 0 : 1;
  }
  if (short_of > 0) {
    checks_.push_back({std::string(reader), false,
                       "it tells more bytes than are resident in what it has claimed"});
  }
  const auto append = [](auto& to, auto& from) {
    std::move(from.begin(), from.end(), std::back_inserter(to));
  };
  append(checks_, found.checks);
  append(missing_, found.missing);
  append(allocators_, found.allocators);
  append(types_, found.types);
  if (found.reach) {
    reach_ = std::move(found.reach);
  }
  if (found.glibc) {
    glibc_ = std::move(found.glibc);
  }
}

std::vector<Row> Picture::rows() const {
  std::vector<Row> rows;
  for (const auto& [key, amount] : amounts_) {
    if (amount.bytes > 0 || amount.blocks.value_or(0) > 0) {
      rows.push_back({key.space, key.owner, key.state, key.detail, amount.bytes, amount.blocks,
                      amount.source, amount.note, amount.torn_bytes});
    }
  }
  if (const std::uint64_t rest = unexplained_bytes(); rest > 0) {
    rows.push_back({.space = Space::unexplained,
                    .owner = "",
                    .state = State::mapped,
                    .bytes = rest,
                    .source = Source::inferred,
                    .note = "memory that no reader knows"});
  }
  return rows;
}

std::uint64_t Picture::unexplained_bytes() const {
  return view_->residency().total() - claimed_bytes_;
}

std::vector<Unexplained> Picture::unexplained(std::size_t most) const {
  std::vector<Unexplained> all;
  for (const process::Mapping& mapping : view_->mappings()) {
    const std::uint64_t bytes = unclaimed_bytes(mapping.begin, mapping.end);
    if (bytes > 0) {
      all.push_back({mapping.begin, mapping.end, bytes, protection_of(mapping), mapping.name});
    }
  }
  std::sort(all.begin(), all.end(),
            [](const Unexplained& a, const Unexplained& b) { return a.bytes > b.bytes; });
  all.resize(std::min(all.size(), most));
  return all;
}

std::string torn_note(std::uint64_t torn_bytes) {
  return "torn: it changed while it was read, and may be off by " + std::to_string(torn_bytes) +
         " bytes; --pause sees it at one moment";
}

std::vector<SizeCount> most_bytes_first(const BlocksBySize& blocks) {
  std::vector<SizeCount> sizes;
  sizes.reserve(blocks.size());
  for (const auto& [size, count] : blocks) {
    sizes.push_back({size, count});
  }
  std::stable_sort(sizes.begin(), sizes.end(), [](const SizeCount& a, const SizeCount& b) {
    return a.size * a.blocks > b.size * b.blocks;
  });
  return sizes;
}

}  // namespace heapwatch::memory
