// A growing array of plain values that gives back memory it no longer needs.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

namespace heapwatch::pprof {

/// Gives the whole pages inside [first, last) back to the system; their content is lost.
void discard_pages(const void* first, const void* last);

/// A block of `wanted_bytes` that begins with the content of `block`, which has fewer and may be
/// null when it has none. Throws std::bad_alloc.
void* grow_block(void* block, std::size_t bytes, std::size_t wanted_bytes);
void free_block(void* block, std::size_t bytes);

/// Like std::vector, for arrays of hundreds of megabytes: it grows by moving pages instead of
/// copying bytes, and its new room is not written to before it is used.
template <typename T>
class FlatArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  FlatArray() = default;
  FlatArray(const FlatArray& other) { append({other.data_, other.size_}); }
  FlatArray(FlatArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  FlatArray& operator=(const FlatArray& other) {
    if (this != &other) {
      *this = FlatArray(other);
    }
    return *this;
  }
  FlatArray& operator=(FlatArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~FlatArray() { free_block(data_, capacity_ * sizeof(T)); }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] T* data() { return data_; }
  [[nodiscard]] const T* data() const { return data_; }
  T& operator[](std::size_t index) { return data_[index]; }
  const T& operator[](std::size_t index) const { return data_[index]; }
  [[nodiscard]] T* begin() { return data_; }
  [[nodiscard]] T* end() { return data_ + size_; }
  [[nodiscard]] const T* begin() const { return data_; }
  [[nodiscard]] const T* end() const { return data_ + size_; }

  /// The elements [first, last).
  [[nodiscard]] std::span<const T> slice(std::size_t first, std::size_t last) const {
    return {data_ + first, last - first};
  }
  [[nodiscard]] std::span<T> slice(std::size_t first, std::size_t last) {
    return {data_ + first, last - first};
  }

  void reserve(std::size_t capacity) {
    if (capacity > capacity_) {
      reallocate(capacity);
    }
  }
  /// Adds `count` elements that the caller has to write, and returns the first.
  T* extend(std::size_t count) {
    if (count > capacity_ - size_) {
      reallocate(size_ + count > capacity_ + capacity_ / 2 ? size_ + count
                                                           : capacity_ + capacity_ / 2);
    }
    T* const room = data_ + size_;
    size_ += count;
    return room;
  }
  void push_back(T value) {
    if (size_ == capacity_) {
      reallocate(capacity_ == 0 ? 16 : capacity_ + capacity_ / 2);
    }
    data_[size_++] = value;
  }
  void append(std::span<const T> values) {
    if (!values.empty()) {
      std::memcpy(extend(values.size()), values.data(), values.size_bytes());
    }
  }
  /// Keeps the first `size` elements.
  void truncate(std::size_t size) { size_ = size; }
  /// The first `count` elements are never read again.
  void discard_first(std::size_t count) { discard_pages(data_, data_ + count); }

 private:
  void reallocate(std::size_t capacity) {
    data_ = static_cast<T*>(grow_block(data_, capacity_ * sizeof(T), capacity * sizeof(T)));
    capacity_ = capacity;
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace heapwatch::pprof
