// A stack that several records, heaps and moments hold at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

namespace heapwatch::memory::native {

/// Frames, innermost first, that do not change; a copy shares them.
///
/// Threads: copies may be made and dropped by any thread.
class SharedStack {
 public:
  using Frames = std::vector<std::uintptr_t>;

  SharedStack() = default;
  SharedStack(Frames frames)  // NOLINT(google-explicit-constructor): frames are a stack
      : frames_(frames.empty() ? nullptr : std::make_shared<const Frames>(std::move(frames))) {}
  SharedStack(std::initializer_list<std::uintptr_t> frames) : SharedStack(Frames(frames)) {}

  [[nodiscard]] const Frames& frames() const {
    static const Frames none;
    return frames_ == nullptr ? none : *frames_;
  }
  operator const Frames&() const {  // NOLINT(google-explicit-constructor): and a stack is frames
    return frames();
  }
  [[nodiscard]] Frames::const_iterator begin() const { return frames().begin(); }
  [[nodiscard]] Frames::const_iterator end() const { return frames().end(); }
  [[nodiscard]] std::size_t size() const { return frames().size(); }
  [[nodiscard]] bool empty() const { return frames_ == nullptr; }

  friend bool operator==(const SharedStack& a, const SharedStack& b) {
    return a.frames_ == b.frames_ || a.frames() == b.frames();
  }

 private:
  std::shared_ptr<const Frames> frames_;  // null: none
};

}  // namespace heapwatch::memory::native
