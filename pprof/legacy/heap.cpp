// `heap profile: ...` texts, of tcmalloc and of Go.
#include <re2/re2.h>

#include "pprof/legacy/formats.h"
#include "pprof/legacy/pieces.h"

namespace heapwatch::pprof::legacy {
namespace {

struct HeapHeader {
  bool is_sampled = false;
  bool has_alloc = false;
  std::int64_t period = 1;
};

Result<HeapHeader> parse_header(std::string_view line) {
  static const RE2 heap(
      R"(heap profile: *(\d+): *(\d+) *\[ *(\d+): *(\d+) *\] *@ *(heap[_a-z0-9]*)/?(\d*))");
  static const RE2 growth_or_fragmentation(
      R"(heap profile: *(\d+): *(\d+) *\[ *(\d+): *(\d+) *\] @ (growthz?|fragmentationz?))");
  re2::StringPiece count;
  re2::StringPiece size;
  re2::StringPiece alloc_count;
  re2::StringPiece alloc_size;
  re2::StringPiece type;
  re2::StringPiece rate;
  if (!RE2::PartialMatch(piece(line), heap, &count, &size, &alloc_count, &alloc_size, &type,
                         &rate)) {
    if (RE2::PartialMatch(piece(line), growth_or_fragmentation)) {
      return HeapHeader{};
    }
    return unrecognized();
  }
  HeapHeader header;
  header.period = 0;
  if (!rate.empty() && !parse_integer(view(rate), 10, header.period)) {
    return unrecognized();
  }
  header.has_alloc =
      (alloc_count != count && alloc_count != "0") || (alloc_size != size && alloc_size != "0");
  if (type == "heapz_v2" || type == "heap_v2") {
    header.is_sampled = true;
  } else if (type == "heap") {
    header.is_sampled = true;
    header.period /= 2;
  } else if (type == "heapprofile") {
    header.period = 1;
  } else {
    return unrecognized();
  }
  return header;
}

class HeapParser {
 public:
  explicit HeapParser(const HeapHeader& header) : header_(header) {
    if (header.has_alloc) {
      builder_.set_types({{"alloc_objects", "count"},
                          {"alloc_space", "bytes"},
                          {"inuse_objects", "count"},
                          {"inuse_space", "bytes"}});
    } else {
      builder_.set_types({{"objects", "count"}, {"space", "bytes"}});
    }
    builder_.set_period("space", "bytes", header.period);
    bytes_key_ = builder_.profile.strings.add("bytes");
  }

  Result<Profile> run(Lines lines) {
    while (lines.next()) {
      const std::string_view line = trim_space(lines.line());
      if (line.empty()) {
        continue;
      }
      if (line.front() == '#') {
        symbols_.read(line);
        continue;
      }
      if (is_memory_map_sentinel(line)) {
        break;
      }
      if (auto read = read_sample(line); !read) {
        return tl::unexpected(read.error());
      }
    }
    if (!symbols_.empty()) {
      symbols_.apply(builder_);
    }
    skip_to_memory_map(lines);
    return builder_.finish(lines);
  }

 private:
  Result<void> read_sample(std::string_view line) {
    static const RE2 pattern(R"((-?\d+): *(-?\d+) *\[ *(\d+): *(\d+) *] @([ x0-9a-f]*))");
    re2::StringPiece count;
    re2::StringPiece size;
    re2::StringPiece alloc_count;
    re2::StringPiece alloc_size;
    re2::StringPiece addresses;
    if (!RE2::PartialMatch(piece(line), pattern, &count, &size, &alloc_count, &alloc_size,
                           &addresses)) {
      return fail(ErrorKind::invalid, "unexpected number of sample values: got 0, want 6");
    }
    if (header_.has_alloc) {
      if (auto added = add_values(line, alloc_count, alloc_size, "allocation"); !added) {
        return added;
      }
    }
    if (auto added = add_values(line, count, size, "inuse"); !added) {
      return added;
    }
    const auto stack = parse_hex_addresses(view(addresses));
    if (!stack) {
      return fail(ErrorKind::invalid,
                  "malformed sample: " + std::string(line) + ": " + stack.error().message);
    }
    Samples& samples = builder_.profile.samples;
    for (const std::uint64_t address : *stack) {
      samples.add_frame(builder_.call_before(address));
    }
    samples.add_label({bytes_key_, true, 0, block_size_});
    samples.finish_sample();
    return {};
  }

  Result<void> add_values(std::string_view line, re2::StringPiece count_text,
                          re2::StringPiece size_text, const char* what) {
    CountAndSize values;
    if (!parse_integer(view(count_text), 10, values.count) ||
        !parse_integer(view(size_text), 10, values.size)) {
      return fail(ErrorKind::invalid,
                  "malformed sample: " + std::string(line) + ": value out of range");
    }
    if (values.count == 0 && values.size != 0) {
      return fail(ErrorKind::invalid, std::string(what) + " count was 0 but " + what +
                                          " bytes was " + std::to_string(values.size));
    }
    if (values.count != 0) {
      // The one division that overflows is by -1.
      block_size_ = values.count == -1 ? wrapping_negate(values.size) : values.size / values.count;
      if (header_.is_sampled) {
        values = unsample_heap(values, header_.period);
      }
    }
    builder_.profile.samples.add_value(values.count);
    builder_.profile.samples.add_value(values.size);
    return {};
  }

  HeapHeader header_;
  StackBuilder builder_;
  GoSymbols symbols_;
  StringId bytes_key_ = 0;
  std::int64_t block_size_ = 0;
};

}  // namespace

Result<Profile> parse_heap(std::string_view bytes) {
  Lines lines(bytes);
  if (!lines.next()) {
    return unrecognized();
  }
  const auto header = parse_header(lines.line());
  if (!header) {
    return tl::unexpected(header.error());
  }
  return HeapParser(*header).run(lines);
}

}  // namespace heapwatch::pprof::legacy
