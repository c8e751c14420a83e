#include "memory/glibc/journal.h"

#include <algorithm>
#include <numeric>

namespace heapwatch::memory::glibc {

namespace {

constexpr std::uint64_t step = 16;  // sizes are multiples of it
constexpr unsigned seen_bits = 2;
constexpr unsigned digit_bits = 7;
constexpr std::uint8_t more = 0x80;  // another digit follows
constexpr std::uint64_t chunk_header_bytes = 8;

/// Entries of a pass, with what lists name as idle.
class Chunks {
 public:
  explicit Chunks(const Pass& pass) : reader_(pass.journal), listed_(&pass.listed) { step_on(); }

  [[nodiscard]] const std::optional<Journal::Entry>& now() const { return now_; }
  void step_on() {
    now_ = reader_.next();
    if (!now_ || now_->seen != Seen::live) {
      return;
    }
    while (next_listed_ < listed_->size() && (*listed_)[next_listed_].address < now_->address) {
      ++next_listed_;
    }
    if (next_listed_ < listed_->size() && (*listed_)[next_listed_].address == now_->address) {
      now_->seen = Seen::idle;
    }
  }

 private:
  Journal::Reader reader_;
  const std::vector<FreeChunk>* listed_;
  std::size_t next_listed_ = 0;
  std::optional<Journal::Entry> now_;
};

std::uint64_t live_bytes(const Journal::Entry& entry) {
  return entry.seen == Seen::live ? entry.size - chunk_header_bytes : 0;
}

}  // namespace

void Journal::begin_piece(std::uint64_t address) {
  parts_.push_back({address, codes_.size()});
}

void Journal::add(std::uint64_t size, Seen seen) {
  std::uint64_t code = size / step << seen_bits | static_cast<std::uint64_t>(seen);
  while (code >= more) {
    codes_.push_back(static_cast<std::uint8_t>(code | more));
    code >>= digit_bits;
  }
  codes_.push_back(static_cast<std::uint8_t>(code));
}

void Journal::clear() {
  parts_ = {};
  codes_ = {};
}

Journal::Reader::Reader(const Journal& journal)
    : journal_(&journal), order_(journal.parts_.size()) {
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
    return journal.parts_[a].address < journal.parts_[b].address;
  });
  if (!order_.empty()) {
    at_ = journal.parts_[order_[0]].begin;
    address_ = journal.parts_[order_[0]].address;
  }
}

std::optional<Journal::Entry> Journal::Reader::next() {
  const auto end_of = [this](std::size_t part) {
    return part + 1 < journal_->parts_.size() ? journal_->parts_[part + 1].begin
                                              : journal_->codes_.size();
  };
  while (piece_ < order_.size() && at_ == end_of(order_[piece_])) {
    if (++piece_ < order_.size()) {
      at_ = journal_->parts_[order_[piece_]].begin;
      address_ = journal_->parts_[order_[piece_]].address;
    }
  }
  if (piece_ == order_.size()) {
    return std::nullopt;
  }
  std::uint64_t code = 0;
  for (unsigned shift = 0;; shift += digit_bits) {
    const std::uint8_t digit = journal_->codes_[at_++];
    code |= (std::uint64_t{digit} & (more - 1U)) << shift;
    if (digit < more) {
      break;
    }
  }
  const Entry entry{address_, (code >> seen_bits) * step,
                    static_cast<Seen>(code & ((1U << seen_bits) - 1))};
  address_ += entry.size;
  return entry;
}

std::vector<FreeChunk> seen_in_use(const Journal& journal, std::vector<FreeChunk> chunks) {
  std::sort(chunks.begin(), chunks.end());
  chunks.erase(std::unique(chunks.begin(), chunks.end()), chunks.end());
  std::vector<FreeChunk> seen;
  if (chunks.empty()) {
    return seen;
  }
  Journal::Reader reader(journal);
  auto next = chunks.cbegin();
  while (const auto entry = reader.next()) {
    while (next != chunks.cend() && next->address < entry->address) {
      ++next;
    }
    if (next == chunks.cend()) {
      break;
    }
    if (entry->seen == Seen::live && *next == FreeChunk{entry->address, entry->size}) {
      seen.push_back(*next);
    }
  }
  return seen;
}

Moved moved_between(const Pass& before, const Pass& after) {
  Moved moved;
  Chunks a(before);
  Chunks b(after);
  while (a.now() || b.now()) {
    if (a.now() && b.now() && *a.now() == *b.now()) {
      a.step_on();
      b.step_on();
    } else if (!b.now() || (a.now() && a.now()->address <= b.now()->address)) {
      moved.before += live_bytes(*a.now());
      a.step_on();
    } else {
      moved.after += live_bytes(*b.now());
      b.step_on();
    }
  }
  return moved;
}

}  // namespace heapwatch::memory::glibc
