// A block holds an object when the word at the place of its type leads to a type whose flags put
// the object there: so many words after the block's beginning, and with room for its fixed part.
// Objects in the interpreter's own lists of free ones have no references and are left out.
//
// A list's items, a dict's keys and values, a large set's table and the attributes of an instance
// are blocks without a type. They are told by the owner's pointer into them.
//
// Source: python/cpython:Include/cpython/listobject.h, dictobject.h, setobject.h.
#include "memory/pymalloc/objects.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <unordered_map>

#include "memory/glibc/heaps.h"
#include "memory/pymalloc/types.h"

namespace heapwatch::memory::pymalloc {

namespace {

/// Remembered at most: pointers of containers, and blocks without a type. 16 bytes each.
constexpr std::size_t remembered_max = 8'000'000;
constexpr std::uint64_t items_at = 24;   // of a list
constexpr std::uint64_t keys_at = 32;    // of a dict
constexpr std::uint64_t values_at = 40;  // of a dict
constexpr std::uint64_t table_at = 40;   // of a set
/// With so much before an object its attributes are in a block that one of the first two words
/// leads into (CPython 3.11 and 3.12).
constexpr std::uint64_t attributes_lead = 32;
constexpr std::size_t object_bytes_max = 96;  // what of a block is looked at: lead and fixed part
constexpr const char* no_object = "(blocks without an object)";

std::uint64_t word_at(std::span<const std::byte> bytes, std::uint64_t offset) {
  std::uint64_t word = 0;
  if (offset + sizeof word <= bytes.size()) {
    std::memcpy(&word, bytes.data() + offset, sizeof word);
  }
  return word;
}

class Counter {
 public:
  Counter(const process::ProcessView& view, const process::Module& interpreter)
      : types_(view, interpreter) {}

  /// `bytes`: the block's beginning, `size`: the whole of it.
  void add(std::uint64_t address, std::span<const std::byte> bytes, std::uint64_t size,
           bool is_python) {
    for (const std::uint64_t lead : {16U, 32U, 0U}) {
      const std::size_t index = types_.at(word_at(bytes, lead + 8));
      if (index == Types::none || types_[index].lead_bytes != lead ||
          lead + types_[index].basic_bytes > size) {
        continue;
      }
      if (static_cast<std::int64_t>(word_at(bytes, lead)) <= 0) {
        break;  // kept by the interpreter, to be used again
      }
      Amount& amount = amount_of(index);
      ++amount.objects;
      amount.bytes += size;
      remember_contents(bytes.subspan(lead), index);
      if (lead == attributes_lead) {
        remember(word_at(bytes, 0), index);
        remember(word_at(bytes, 8), index);
      }
      return;
    }
    if (rest_.size() < remembered_max) {
      rest_.push_back({address, size, is_python});
    } else if (is_python) {
      ++without_.objects;
      without_.bytes += size;
    }
  }

  [[nodiscard]] bool is_whole() const { return types_.is_whole(); }
  [[nodiscard]] std::vector<TypeCount> counts() {
    give_contents();
    std::map<std::string, Amount> by_name;
    for (const auto& [index, amount] : amounts_) {
      Amount& sum = by_name[types_[index].name];
      sum.objects += amount.objects;
      sum.bytes += amount.bytes;
    }
    if (without_.objects > 0) {
      by_name[no_object] = without_;
    }
    std::vector<TypeCount> counts;
    counts.reserve(by_name.size());
    for (const auto& [name, amount] : by_name) {
      counts.push_back(
          {.space = Space::python, .name = name, .objects = amount.objects, .bytes = amount.bytes});
    }
    std::stable_sort(counts.begin(), counts.end(),
                     [](const TypeCount& a, const TypeCount& b) { return a.bytes > b.bytes; });
    return counts;
  }

 private:
  struct Amount {
    std::uint64_t objects = 0;
    std::uint64_t bytes = 0;
  };
  struct Rest {
    std::uint64_t address;
    std::uint64_t size;
    bool is_python;
  };
  struct Content {
    std::uint64_t address;
    std::size_t type;
  };

  Amount& amount_of(std::size_t index) { return amounts_[index]; }

  void remember(std::uint64_t address, std::size_t type) {
    if (address != 0 && contents_.size() < remembered_max) {
      contents_.push_back({address, type});
    }
  }
  void remember_contents(std::span<const std::byte> object, std::size_t type) {
    switch (types_[type].holds) {
      case Type::Holds::list:
        remember(word_at(object, items_at), type);
        break;
      case Type::Holds::dict:
        remember(word_at(object, keys_at), type);
        remember(word_at(object, values_at), type);
        break;
      case Type::Holds::set:
        remember(word_at(object, table_at), type);
        break;
      case Type::Holds::nothing:
        break;
    }
  }

  /// Blocks without a type go to the object that points into them; the first one, where several
  /// do.
  void give_contents() {
    std::stable_sort(contents_.begin(), contents_.end(),
                     [](const Content& a, const Content& b) { return a.address < b.address; });
    for (const Rest& rest : rest_) {
      const auto owner = std::lower_bound(
          contents_.begin(), contents_.end(), rest.address,
          [](const Content& content, std::uint64_t address) { return content.address < address; });
      if (owner != contents_.end() && owner->address - rest.address < rest.size) {
        amount_of(owner->type).bytes += rest.size;
      } else if (rest.is_python) {
        ++without_.objects;
        without_.bytes += rest.size;
      }
    }
    rest_.clear();
  }

  Types types_;
  std::unordered_map<std::size_t, Amount> amounts_;
  std::vector<Content> contents_;
  std::vector<Rest> rest_;
  Amount without_;
};

}  // namespace

Objects count_objects(const Look& look, const process::Module& interpreter, const Arenas& arenas) {
  Counter counter(look.view, interpreter);
  process::Window window(look.view);
  const BlockVisitor add = [&counter](std::uint64_t address, std::span<const std::byte> bytes) {
    counter.add(address, bytes, bytes.size(), true);
  };
  for (const Arena& arena : arenas.arenas) {
    for (const Pool& pool : arena.used) {
      for_each_block(window, pool, add);
    }
  }
  if (const glibc::Heaps* const heaps = look.so_far.glibc(); heaps != nullptr) {
    process::Words words(look.view);
    std::array<std::byte, object_bytes_max> buffer{};
    glibc::for_each_block(look.view, *heaps, [&](const glibc::Chunk& chunk) {
      const std::span<std::byte> begin = std::span(buffer).first(
          static_cast<std::size_t>(std::min<std::uint64_t>(chunk.usable(), buffer.size())));
      if (words.copy(chunk.user(), begin)) {
        counter.add(chunk.user(), begin, chunk.usable(), false);
      }
    });
  }
  Objects objects{.counts = counter.counts(), .is_whole = counter.is_whole()};
  return objects;
}

}  // namespace heapwatch::memory::pymalloc
