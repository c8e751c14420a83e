// Values that many hold and that are equal: one of each in the process.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace heapwatch::metrics {

/// A pointer to a value that is held once: equal values have equal pointers (a shared module of the
/// program has values of its own).
///
/// `T` is immutable, compares by ==, and has `std::uint64_t hash() const`.
///
/// What nobody holds any more goes when its pool next grows, so that giving a pointer back is only
/// to count down.
///
/// Threads: values may be interned, copied and given back by any thread; one pointer is not to be
/// changed by two.
template <typename T>
class Interned {
  struct Node;

 public:
  Interned() = default;
  explicit Interned(T value) : node_(pool().hold(std::move(value))) {}
  Interned(const Interned& other) : node_(other.node_) {
    if (node_ != nullptr) {
      node_->holders.fetch_add(1, std::memory_order_relaxed);
    }
  }
  Interned(Interned&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  Interned& operator=(const Interned& other) {
    if (node_ != other.node_) {
      Interned(other).swap(*this);
    }
    return *this;
  }
  Interned& operator=(Interned&& other) noexcept {
    Interned(std::move(other)).swap(*this);
    return *this;
  }
  ~Interned() {
    if (node_ != nullptr) {
      node_->holders.fetch_sub(1, std::memory_order_release);
    }
  }
  void swap(Interned& other) noexcept { std::swap(node_, other.node_); }

  const T& operator*() const { return node_->value; }
  const T* operator->() const { return &node_->value; }
  explicit operator bool() const { return node_ != nullptr; }
  friend bool operator==(const Interned& a, const Interned& b) { return a.node_ == b.node_; }

  /// Of the value; computed once.
  [[nodiscard]] std::uint64_t hash() const { return node_->hash; }

  /// Keeps the address of a value from being used again, but not the value from being one that
  /// nobody holds: for what is remembered by address.
  class Watch {
   public:
    explicit Watch(const Interned& of) : node_(of.node_) {
      node_->watchers.fetch_add(1, std::memory_order_relaxed);
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    Watch(Watch&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
    Watch& operator=(Watch&&) = delete;
    ~Watch() {
      if (node_ != nullptr) {
        node_->watchers.fetch_sub(1, std::memory_order_release);
      }
    }
    [[nodiscard]] bool is_held() const {
      return node_->holders.load(std::memory_order_acquire) != 0;
    }

   private:
    const Node* node_;
  };

 private:
  struct Node {
    Node(T of, std::uint64_t its_hash) : value(std::move(of)), hash(its_hash) {}
    T value;
    std::uint64_t hash;
    Node* next = nullptr;  // in its chain
    mutable std::atomic<std::uint32_t> holders{0};
    mutable std::atomic<std::uint32_t> watchers{0};
  };

  class Pool {
   public:
    const Node* hold(T value) {
      const std::uint64_t hash = value.hash();
      const std::lock_guard lock(mutex_);
      for (Node* node = chain(hash); node != nullptr; node = node->next) {
        if (node->hash == hash && node->value == value) {
          node->holders.fetch_add(1, std::memory_order_relaxed);
          return node;
        }
      }
      if (size_ >= chains_.size()) {
        make_room();
      }
      auto* const node = new Node(std::move(value), hash);
      node->holders = 1;
      link(node);
      ++size_;
      return node;
    }

   private:
    static constexpr std::size_t chains_min = 64;

    Node*& chain(std::uint64_t hash) { return chains_[hash & (chains_.size() - 1)]; }
    void link(Node* node) { node->next = std::exchange(chain(node->hash), node); }

    // What nobody holds goes; where that is too little, there are to be more chains.
    void make_room() {
      std::vector<Node*> kept;
      kept.reserve(size_);
      for (Node* node : chains_) {
        while (node != nullptr) {
          Node* const next = node->next;
          if (node->holders.load(std::memory_order_acquire) == 0 &&
              node->watchers.load(std::memory_order_acquire) == 0) {
            delete node;
          } else {
            kept.push_back(node);
          }
          node = next;
        }
      }
      size_ = kept.size();
      std::size_t wanted = chains_min;
      while (wanted < 2 * size_) {
        wanted *= 2;
      }
      chains_.assign(wanted, nullptr);
      chains_.shrink_to_fit();
      for (Node* const node : kept) {
        link(node);
      }
    }

    std::mutex mutex_;
    std::vector<Node*> chains_ = std::vector<Node*>(chains_min, nullptr);  // a power of two
    std::size_t size_ = 0;
  };

  static Pool& pool() {
    static auto* const made = new Pool;  // values may be given back while the process ends
    return *made;
  }

  const Node* node_ = nullptr;
};

}  // namespace heapwatch::metrics
