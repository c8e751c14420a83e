// Who of several agents watches a target, without a word between them: rendezvous hashing.
//
// Each member gets a number for each key, and the highest has it. A member that comes takes from
// each of the others what it has the highest number for, 1/n of all, and one that goes leaves its
// keys to the second of each; nothing else moves. (With a remainder, hash % n, nearly all moves.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace heapwatch::discovery {

/// The same numbers on every machine.
class Rendezvous {
 public:
  /// In the order in which they stand on each machine: it decides between equal numbers.
  explicit Rendezvous(const std::vector<std::string>& members);

  [[nodiscard]] std::size_t members() const { return seeds_.size(); }
  /// Whether `member` is among the first `replicas` of the key.
  [[nodiscard]] bool has(std::size_t member, std::string_view key, std::size_t replicas) const;

 private:
  std::vector<std::uint64_t> seeds_;
};

}  // namespace heapwatch::discovery
