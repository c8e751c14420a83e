#include "discovery/relabel/hash.h"

#include <openssl/evp.h>

#include <array>

namespace heapwatch::discovery::relabel {

namespace {

using Digest = std::array<unsigned char, EVP_MAX_MD_SIZE>;

bool digest_of(std::string_view text, Digest& digest) {
  return EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_md5(), nullptr) == 1;
}

}  // namespace

std::uint64_t hash_of(std::string_view text) {
  constexpr std::size_t begin = 8;
  constexpr std::size_t end = 16;
  Digest digest{};
  (void)digest_of(text, digest);
  std::uint64_t hash = 0;
  for (std::size_t i = begin; i < end; ++i) {
    hash = (hash << 8U) | digest.at(i);
  }
  return hash;
}

bool has_hash() {
  Digest digest{};
  return digest_of({}, digest);
}

}  // namespace heapwatch::discovery::relabel
