// The labels of series as remote write has them, held once however many series have them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/interned.h"
#include "exporters/prometheus/labels.h"

namespace heapwatch::exporters::remote_write {

inline constexpr std::string_view name_label = "__name__";

/// All labels of a series but its name, as the bytes of version 1.0.
///
/// Labels are sorted on the wire and `__name__` is one of them, somewhere in the middle: what comes
/// before it and what comes after it are each one piece, so that a series is written by three
/// copies.
class LabelBytes {
 public:
  /// Labels without a value are left out. Bytes that are no UTF-8 become U+FFFD.
  explicit LabelBytes(const prometheus::Labels& labels);

  [[nodiscard]] std::string_view before_name() const { return text().substr(0, split_); }
  [[nodiscard]] std::string_view after_name() const { return text().substr(split_); }
  [[nodiscard]] std::uint64_t hash() const { return base::fnv1a(text_); }
  /// Held outside of itself.
  [[nodiscard]] std::size_t bytes() const { return text_.capacity(); }
  bool operator==(const LabelBytes&) const = default;

 private:
  [[nodiscard]] std::string_view text() const { return text_; }

  std::string text_;
  std::size_t split_ = 0;
};
using LabelBytesPtr = base::Interned<LabelBytes>;

/// The name of a series, and the label that it is on the wire.
class SeriesName {
 public:
  explicit SeriesName(std::string_view name);

  [[nodiscard]] const std::string& label() const { return label_; }
  [[nodiscard]] std::uint64_t hash() const { return base::fnv1a(label_); }
  [[nodiscard]] std::size_t bytes() const { return label_.capacity(); }
  bool operator==(const SeriesName&) const = default;

 private:
  std::string label_;
};
using SeriesNamePtr = base::Interned<SeriesName>;

/// As both versions count them.
enum class MetadataType : std::uint8_t {
  unknown,
  counter,
  gauge,
  histogram,
  gauge_histogram,
  summary
};

/// What is told of all series of a name, besides their values.
struct Metadata {
  std::string family;  // the name without the suffixes of a summary
  std::string help;
  MetadataType type = MetadataType::unknown;

  [[nodiscard]] std::uint64_t hash() const {
    return base::fnv1a(family, base::fnv1a(help)) + static_cast<std::uint64_t>(type);
  }
  [[nodiscard]] std::size_t bytes() const { return family.capacity() + help.capacity(); }
  bool operator==(const Metadata&) const = default;
};
using MetadataPtr = base::Interned<Metadata>;

/// A label as a field of a TimeSeries of version 1.0.
void append_label(std::string& out, std::string_view name, std::string_view value);

/// Takes the label that `bytes` begins with off it; false when there is none. `bytes` is what
/// append_label() wrote.
[[nodiscard]] bool take_label(std::string_view& bytes, std::string_view& name,
                              std::string_view& value);

}  // namespace heapwatch::exporters::remote_write
