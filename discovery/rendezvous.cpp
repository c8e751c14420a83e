#include "discovery/rendezvous.h"

#include "base/hash.h"

namespace heapwatch::discovery {

namespace {

/// The end of splitmix64: each bit of the result depends on each of `bits`, which FNV's do not.
std::uint64_t mixed(std::uint64_t bits) {
  bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
  bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
  return bits ^ (bits >> 31U);
}

}  // namespace

Rendezvous::Rendezvous(const std::vector<std::string>& members) {
  seeds_.reserve(members.size());
  for (const std::string& member : members) {
    seeds_.push_back(mixed(base::fnv1a(member)));
  }
}

bool Rendezvous::has(std::size_t member, std::string_view key, std::size_t replicas) const {
  const std::uint64_t of_key = base::fnv1a(key);
  const std::uint64_t own = mixed(of_key ^ seeds_.at(member));
  std::size_t before = 0;
  for (std::size_t i = 0; i < seeds_.size() && before < replicas; ++i) {
    const std::uint64_t other = mixed(of_key ^ seeds_[i]);
    if (other > own || (other == own && i < member)) {
      ++before;
    }
  }
  return before < replicas;
}

}  // namespace heapwatch::discovery
