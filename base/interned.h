// Equal values, held once in the process with a count of their holders.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/remembered.h"

namespace heapwatch::base {

/// A pointer to a value that is held once: equal values have equal pointers (a shared module of the
/// program has values of its own). A value without holders is freed.
///
/// `T` is immutable, compares by ==, and has `std::uint64_t hash() const`. With `std::size_t
/// bytes() const`, what it holds outside of itself, it is counted among what the process remembers.
///
/// Threads: values may be interned, copied and given back by any thread; one pointer is not to be
/// changed by two.
template <typename T>
class Interned {
  struct Node;

 public:
  Interned() = default;
  explicit Interned(T value) {
    const std::uint64_t hash = value.hash();
    node_ = pool().hold(hash, value, [&] { return std::move(value); });
  }
  /// The value that equals `key`, which has a hash() too; `make` makes it where there is none.
  template <typename Key, typename Make>
  [[nodiscard]] static Interned find_or_make(const Key& key, const Make& make) {
    Interned found;
    found.node_ = pool().hold(key.hash(), key, make);
    return found;
  }
  Interned(const Interned& other) : node_(other.node_) {
    if (node_ != nullptr) {
      node_->holders.fetch_add(1, std::memory_order_relaxed);
    }
  }
  Interned(Interned&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  Interned& operator=(const Interned& other) {
    if (this != &other) {
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
      give_back();
    }
  }
  void swap(Interned& other) noexcept { std::swap(node_, other.node_); }

  const T& operator*() const { return node_->value; }
  const T* operator->() const { return &node_->value; }
  explicit operator bool() const { return node_ != nullptr; }
  friend bool operator==(const Interned& a, const Interned& b) { return a.node_ == b.node_; }

  /// Of the value; computed once.
  [[nodiscard]] std::uint64_t hash() const { return node_->hash; }

  /// Keeps the address of a value from being used again without holding the value: for caches whose
  /// key is the address.
  class Watch {
   public:
    explicit Watch(const Interned& of) : node_(of.node_) { node_->watchers.fetch_add(1); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    Watch(Watch&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
    Watch& operator=(Watch&&) = delete;
    ~Watch() {
      if (node_ != nullptr) {
        node_->home.end_watch(node_);
      }
    }
    [[nodiscard]] bool is_held() const { return node_->holders.load() != 0; }

   private:
    Node* node_;
  };

 private:
  class Pool;
  struct Node {
    Node(T of, std::uint64_t its_hash, Pool& its_home)
        : value(std::move(of)), hash(its_hash), home(its_home) {
      remembered().bytes.fetch_add(bytes(), std::memory_order_relaxed);
    }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;
    ~Node() { remembered().bytes.fetch_sub(bytes(), std::memory_order_relaxed); }

    [[nodiscard]] std::size_t bytes() const {
      if constexpr (requires(const T& held) { held.bytes(); }) {
        return sizeof(Node) + value.bytes();
      } else {
        return 0;
      }
    }

    const T value;
    const std::uint64_t hash;
    Pool& home;            // of the shared module that made it
    Node* next = nullptr;  // in its chain
    std::atomic<std::uint32_t> holders{1};
    std::atomic<std::uint32_t> watchers{0};
  };

  class Pool {
   public:
    template <typename Key, typename Make>
    Node* hold(std::uint64_t hash, const Key& key, const Make& make) {
      if (Node* const known = find(hash, key)) {
        return known;
      }
      auto made =
          std::make_unique<Node>(make(), hash, *this);  // which may intern values of its own
      const std::lock_guard lock(mutex_);
      if (Node* const known = find_locked(hash, made->value)) {
        return known;
      }
      if (size_ >= chains_.size()) {
        grow();
      }
      ++size_;
      made->next = std::exchange(chain(hash), made.get());
      return made.release();
    }

    /// Removes the last holder under the lock, so that whatever find() returns has a holder.
    void drop(Node* node) {
      std::unique_lock lock(mutex_);
      if (node->holders.fetch_sub(1) != 1) {
        return;
      }
      Node** link = &chain(node->hash);
      while (*link != node) {
        link = &(*link)->next;
      }
      *link = node->next;
      --size_;
      const bool is_watched = node->watchers.load() != 0;
      lock.unlock();  // freeing it may free values of other pools
      if (!is_watched) {
        delete node;
      }
    }

    void end_watch(Node* node) {
      std::unique_lock lock(mutex_);
      const bool is_over = node->watchers.fetch_sub(1) == 1 && node->holders.load() == 0;
      lock.unlock();
      if (is_over) {
        delete node;
      }
    }

   private:
    static constexpr std::size_t chains_min = 64;

    template <typename Key>
    Node* find(std::uint64_t hash, const Key& key) {
      const std::lock_guard lock(mutex_);
      return find_locked(hash, key);
    }
    template <typename Key>
    Node* find_locked(std::uint64_t hash, const Key& key) {
      for (Node* node = chain(hash); node != nullptr; node = node->next) {
        if (node->hash == hash && node->value == key) {
          node->holders.fetch_add(1);
          return node;
        }
      }
      return nullptr;
    }

    Node*& chain(std::uint64_t hash) { return chains_[hash & (chains_.size() - 1)]; }

    void grow() {
      std::vector<Node*> old(2 * chains_.size(), nullptr);
      std::swap(old, chains_);
      for (Node* node : old) {
        while (node != nullptr) {
          Node* const next = node->next;
          node->next = std::exchange(chain(node->hash), node);
          node = next;
        }
      }
    }

    std::mutex mutex_;
    std::vector<Node*> chains_ = std::vector<Node*>(chains_min, nullptr);  // a power of two
    std::size_t size_ = 0;
  };

  void give_back() {
    std::uint32_t holders = node_->holders.load();
    while (holders > 1) {
      if (node_->holders.compare_exchange_weak(holders, holders - 1)) {
        return;
      }
    }
    node_->home.drop(node_);
  }

  static Pool& pool() {
    static auto* const made = new Pool;  // values may be given back while the process ends
    return *made;
  }

  Node* node_ = nullptr;
};

}  // namespace heapwatch::base
