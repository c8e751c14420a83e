#include "memory/glibc/walk.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>

namespace heapwatch::memory::glibc {

namespace {

std::string hexadecimal(std::uint64_t value) {
  std::array<char, 18> digits{'0', 'x'};
  const auto end = std::to_chars(digits.data() + 2, digits.data() + digits.size(), value, 16);
  return {digits.data(), end.ptr};
}

constexpr std::uint64_t fence_bytes = 16;
constexpr std::size_t pending_max = 1024;
constexpr int steps_back_max = 8;    // at one place
constexpr int all_steps_back = 256;  // of one walk

/// One walk. Where it leads astray in a heap that changes under it, it goes back by some chunks and
/// comes again over memory that is read anew: what a chunk was is told once it lies so far behind.
class Walker {
 public:
  Walker(process::Window& window, const Piece& piece, Budget& budget,
         const std::function<void(const Chunk&)>& visit)
      : window_(window), piece_(piece), budget_(budget), visit_(visit), at_(piece.begin) {}

  std::string run() {
    std::string wrong;
    do {
      wrong.clear();
      while (!is_over_ && wrong.empty()) {
        wrong = step_on();
      }
    } while (!wrong.empty() && step_back());
    for (const Chunk& chunk : pending_) {
      visit_(chunk);
    }
    return wrong;
  }

 private:
  /// The chunk that was seen last, now that the header behind it tells what it is.
  void pass_on(ChunkKind kind) {
    if (previous_.size < chunk_bytes_min) {
      return;
    }
    previous_.kind = kind;
    pending_.push_back(previous_);
    if (pending_.size() > pending_max) {
      visit_(pending_.front());
      pending_.pop_front();
    }
  }

  std::string step_on() {
    if (at_ + header_bytes > piece_.end) {
      // Where a heap ends without a fence post its last chunk is in use.
      pass_on(ChunkKind::in_use);
      is_over_ = at_ == piece_.end && piece_.top == 0;
      return is_over_ ? "" : "a chunk reaches beyond its heap";
    }
    // Its size, and the first words of the user's memory: of one read, and so of one moment.
    const auto words = piece_.end - at_ >= chunk_bytes_min
                           ? window_.get<std::array<std::uint64_t, 3>>(at_ + 8)
                           : std::nullopt;
    const auto word = words ? (*words)[0] : window_.get<std::uint64_t>(at_ + 8);
    if (!word) {
      return "the header at " + hexadecimal(at_) + " cannot be read";
    }
    if (budget_.chunks == 0) {
      return "there are more chunks than memory for them";
    }
    --budget_.chunks;
    const std::uint64_t size = *word & size_mask;
    if (at_ == piece_.top && (size < header_bytes || size > piece_.end - at_)) {
      return "the top chunk has a size of " + std::to_string(size);
    }
    // A thread at work may have moved the top: it is the chunk that reaches to the end, whatever
    // the arena said before.
    const bool is_top = piece_.top != 0 && size >= header_bytes && size == piece_.end - at_;
    // The second fence post: of size 0 in a thread's heap, of 16 in the main one.
    const bool ends = piece_.end - at_ <= fence_bytes + 15 && (size == 0 || size == fence_bytes);
    const bool is_fence = size == fence_bytes && piece_.end - at_ <= 2 * fence_bytes + 15;
    if (!is_top && !ends &&
        ((size < chunk_bytes_min && !is_fence) || size % 16 != 0 || size > piece_.end - at_ ||
         (*word & is_mmapped) != 0)) {
      return "the chunk at " + hexadecimal(at_) + " has a size of " + std::to_string(size);
    }
    pass_on((*word & previous_in_use) != 0 ? ChunkKind::in_use : ChunkKind::free);
    if (is_top || ends) {
      is_over_ = true;
      if (is_top) {
        pending_.push_back({.address = at_, .size = size, .kind = ChunkKind::top});
        return {};
      }
      return piece_.top == 0 ? "" : "it ends before its top chunk";
    }
    previous_ = {.address = at_, .size = size, .mark = words ? (*words)[2] : 0};
    at_ += size;
    return {};
  }

  /// False: that was tried often enough.
  bool step_back() {
    steps_here_ = at_ > farthest_ ? 0 : steps_here_;
    farthest_ = std::max(farthest_, at_);
    if (pending_.empty() || steps_here_ == steps_back_max || steps_ == all_steps_back ||
        budget_.chunks == 0) {
      return false;
    }
    ++steps_;
    const std::size_t back =
        std::min<std::size_t>(std::size_t{1} << steps_here_++, pending_.size());
    at_ = pending_[pending_.size() - back].address;
    pending_.resize(pending_.size() - back);
    previous_ = {};
    is_over_ = false;
    window_.forget();
    return true;
  }

  process::Window& window_;
  const Piece& piece_;
  Budget& budget_;
  const std::function<void(const Chunk&)>& visit_;
  std::uint64_t at_;
  Chunk previous_;  // its kind is in the header of the one behind it
  std::deque<Chunk> pending_;
  bool is_over_ = false;
  std::uint64_t farthest_ = 0;
  int steps_here_ = 0;
  int steps_ = 0;
};

}  // namespace

std::string walk(process::Window& window, const Piece& piece, Budget& budget,
                 const std::function<void(const Chunk&)>& visit) {
  return Walker(window, piece, budget, visit).run();
}

}  // namespace heapwatch::memory::glibc
