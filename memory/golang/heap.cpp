// How Go's heap is read without symbols.
//
// The runtime lists every span it has ever made in a slice, runtime.mheap_.allspans, which lies in
// the data of the program. A span's record says where its pages begin and how many there are, at
// offsets that did not change from Go 1.15 to 1.27; so the list is the longest slice of the data
// whose elements all are such records. A record in a processor's cache can be blank.
//
// Four fields further on moved once: the count of allocated objects, the span's class, its state,
// and the size of its objects with the end of the last one. They stand together, so the data tells
// where: at the offset at which, in most records in use, the end lies in the span and the size
// fits.
//
// The eight bytes before them begin with the span's sweep generation, which the runtime raises by
// two with each collection: a span that was swept has that of the heap, one that waits to be swept
// is one or two behind, and one in a processor's cache up to three ahead. So most spans tell how
// many collections there were.
//
// Source: golang/go:src/runtime/mheap.go (mspan), measured for the versions above.
#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "memory/golang/build_info.h"
#include "memory/golang/golang.h"
#include "memory/golang/goroutines.h"
#include "memory/golang/module_data.h"
#include "memory/golang/slices.h"

namespace heapwatch::memory::golang {

namespace {

using base::ErrorKind;
using base::fail;
using process::ProcessView;
using process::Words;

constexpr std::uint64_t page_bytes = 8192;  // Go's own
constexpr std::uint64_t span_pages_max = std::uint64_t{1} << 27;
constexpr std::size_t record_bytes = 160;
constexpr std::size_t begin_at = 24;
constexpr std::size_t pages_at = 32;
constexpr std::size_t samples_max = 1024;
/// Each processor keeps up to 128 blank records: in a small program on many of them few are in use.
constexpr std::size_t spans_min = 4;
constexpr std::size_t candidates_max = 4096;
constexpr std::uint64_t spans_max = std::uint64_t{8} << 20;
constexpr std::uint8_t state_heap = 1;
constexpr std::uint8_t state_stacks = 2;

/// A span's record, as far as it is looked at.
struct Record {
  std::array<std::uint8_t, record_bytes> bytes{};

  template <typename T>
  [[nodiscard]] T get(std::size_t at) const {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  }
  [[nodiscard]] std::uint64_t begin() const { return get<std::uint64_t>(begin_at); }
  [[nodiscard]] std::uint64_t pages() const { return get<std::uint64_t>(pages_at); }
  [[nodiscard]] std::uint64_t end() const { return begin() + pages() * page_bytes; }
  [[nodiscard]] bool is_blank() const { return begin() == 0 && pages() == 0; }
  [[nodiscard]] bool is_span() const {
    return begin() != 0 && begin() % page_bytes == 0 && pages() != 0 && pages() <= span_pages_max &&
           begin() <= (std::uint64_t{1} << 47);
  }
};

/// The fields that stand together, `at` the count of allocated objects.
struct Use {
  Use(const Record& record, std::size_t at)
      : objects(record.get<std::uint16_t>(at)),
        state(record.get<std::uint8_t>(at + 3)),
        object_bytes(record.get<std::uint64_t>(at + 8)),
        limit(record.get<std::uint64_t>(at + 16)) {}

  [[nodiscard]] bool fits(const Record& record) const {
    return object_bytes != 0 && object_bytes <= record.pages() * page_bytes &&
           limit > record.begin() && limit <= record.end() &&
           objects * object_bytes <= record.pages() * page_bytes;
  }

  std::uint64_t objects;
  std::uint8_t state;
  std::uint64_t object_bytes;
  std::uint64_t limit;
};

std::optional<Record> read_record(Words& words, std::uint64_t address) {
  Record record;
  if (address == 0 || address % 8 != 0 ||
      !words.copy(address, std::as_writable_bytes(std::span(record.bytes)))) {
    return std::nullopt;
  }
  return record;
}

/// Records spread over the list; empty when one of its elements is none.
std::vector<Record> samples_of(Words& words, const Slice& slice) {
  std::vector<Record> records;
  const std::uint64_t count = std::min<std::uint64_t>(slice.length, samples_max);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto address = words.u64(slice.elements + slice.length * i / count * 8);
    const auto record = address ? read_record(words, *address) : std::nullopt;
    if (!record || (!record->is_span() && !record->is_blank())) {
      return {};
    }
    if (!record->is_blank()) {
      records.push_back(*record);
    }
  }
  return records.size() >= spans_min ? records : std::vector<Record>{};
}

/// Where the count of objects stands; nothing when no offset fits nearly all records in use.
std::optional<std::size_t> offset_of_use(const std::vector<Record>& records) {
  constexpr std::size_t first = 72;
  constexpr std::size_t last = record_bytes - 24;
  std::size_t best = 0;
  std::size_t best_fits = 0;
  for (std::size_t at = first; at <= last; at += 8) {
    std::size_t fits = 0;
    std::size_t misfits = 0;
    for (const Record& record : records) {
      const Use use(record, at);
      if (use.state > state_stacks) {
        misfits += 1;
      } else if (use.state == state_heap) {
        (use.fits(record) ? fits : misfits) += 1;
      }
    }
    if (fits > best_fits && misfits * 10 <= fits) {
      best = at;
      best_fits = fits;
    }
  }
  return best_fits >= spans_min ? std::optional(best) : std::nullopt;
}

/// How many collections there were, by the sweep generations of spans in use. Nothing when they lie
/// further apart than they can.
class Generations {
 public:
  void add(const Record& record, std::size_t use_at) {
    ++counts_[record.get<std::uint32_t>(use_at - sizeof(std::uint64_t))];
  }

  [[nodiscard]] std::optional<std::uint64_t> collections() const {
    constexpr std::uint32_t apart_max = 5;
    if (counts_.empty() || counts_.rbegin()->first - counts_.begin()->first > apart_max) {
      return std::nullopt;
    }
    const auto most = std::max_element(
        counts_.begin(), counts_.end(),
        [](const auto& one, const auto& other) { return one.second < other.second; });
    return most->first / 2;
  }

 private:
  std::map<std::uint32_t, std::uint64_t> counts_;
};

struct SpanList {
  Slice slice;
  std::size_t use_at = 0;
};

std::optional<SpanList> find_span_list(Words& words, const std::vector<Slice>& slices) {
  const std::size_t count = std::min(slices.size(), candidates_max);
  for (std::size_t i = 0; i < count; ++i) {
    const std::vector<Record> records = samples_of(words, slices[i]);
    if (const auto use_at = offset_of_use(records)) {
      return SpanList{slices[i], *use_at};
    }
  }
  return std::nullopt;
}

base::Result<void> read_spans(Words& words, const SpanList& list, Heap& heap) {
  heap.span_list = list.slice.elements;
  heap.spans_listed = std::min(list.slice.length, spans_max);
  std::uint64_t misfits = 0;
  Generations generations;
  for (std::uint64_t i = 0; i < heap.spans_listed; ++i) {
    const auto address = words.u64(list.slice.elements + i * 8);
    const auto record = address ? read_record(words, *address) : std::nullopt;
    if (!record) {
      misfits += 1;
      continue;
    }
    heap.records.push_back(*address);
    if (!record->is_span()) {
      misfits += record->is_blank() ? 0 : 1;
      continue;
    }
    const Use use(*record, list.use_at);
    const bool is_heap = use.state == state_heap;
    if (!is_heap && use.state != state_stacks) {
      continue;
    }
    if (is_heap && !use.fits(*record)) {
      misfits += 1;
      continue;
    }
    if (is_heap) {
      generations.add(*record, list.use_at);
    }
    heap.spans.push_back({.begin = record->begin(),
                          .end = record->end(),
                          .object_bytes = is_heap ? use.object_bytes : 0,
                          .objects = is_heap ? use.objects : 0,
                          .is_heap = is_heap});
  }
  heap.collections = generations.collections();
  if (misfits > 0) {
    return fail(ErrorKind::invalid, std::to_string(misfits) + " of " +
                                        std::to_string(heap.spans_listed) +
                                        " records are no spans");
  }
  return {};
}

/// Whether a span is where spans are: in memory without a file.
bool is_in_memory(const ProcessView& view, const Span& span) {
  for (std::uint64_t at = span.begin; at < span.end;) {
    const process::Mapping* const mapping = view.mapping_at(at);
    if (mapping == nullptr || !mapping->is_anonymous()) {
      return false;
    }
    at = mapping->end;
  }
  return true;
}

base::Result<void> add_up(const ProcessView& view, Heap& heap) {
  std::sort(heap.spans.begin(), heap.spans.end(),
            [](const Span& a, const Span& b) { return a.begin < b.begin; });
  std::uint64_t end = 0;
  for (const Span& span : heap.spans) {
    if (span.begin < end) {
      return fail(ErrorKind::invalid, "spans overlap");
    }
    if (!is_in_memory(view, span)) {
      return fail(ErrorKind::invalid, "a span is where no heap can be");
    }
    end = span.end;
    if (span.is_heap) {
      heap.heap_in_use += span.end - span.begin;
      heap.heap_live += span.objects * span.object_bytes;
      heap.heap_objects += span.objects;
    } else {
      heap.stacks_in_use += span.end - span.begin;
    }
  }
  return {};
}

base::Result<Heap> read_once(const ProcessView& view, const process::Module& module,
                             const std::string& version) {
  Heap heap;
  heap.version = version;
  const std::vector<Slice> slices = pointer_slices(view, module);
  Words words(view, process::pages_to_read(view));
  const auto list = find_span_list(words, slices);
  if (!list && words.is_at_its_limit()) {
    return fail(ErrorKind::limit, "too many lists in the data of " +
                                      std::string(module.base_name()) + " look like that of spans");
  }
  if (!list) {
    return fail(ErrorKind::not_found,
                "the list of spans is not in the data of " + std::string(module.base_name()));
  }
  if (auto read = read_spans(words, *list, heap); !read) {
    return tl::unexpected(read.error());
  }
  if (auto sum = add_up(view, heap); !sum) {
    return tl::unexpected(sum.error());
  }
  heap.goroutines = count_goroutines(words, slices);
  heap.data = data_of(view, module);
  return heap;
}

}  // namespace

std::optional<base::Result<Heap>> read_heap(const ProcessView& view) {
  constexpr int attempts = 3;  // a running program changes what is being read
  for (const process::Module& module : process::find_modules(view)) {
    const auto built = build_info(view, module);
    if (!built) {
      continue;
    }
    base::Result<Heap> heap = read_once(view, module, built->version);
    for (int attempt = 1; attempt < attempts && !heap && heap.error().kind != ErrorKind::limit;
         ++attempt) {
      heap = read_once(view, module, built->version);
    }
    if (heap) {
      heap->has_race_detector = built->has_race_detector;
    }
    return heap;
  }
  return std::nullopt;
}

}  // namespace heapwatch::memory::golang
