// The samples of a profile: call stacks, values and labels in five arrays, no object for any.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "pprof/flat_array.h"
#include "pprof/string_table.h"

namespace heapwatch::pprof {

/// A text label (`text` is its value) or a numeric one (`text` is its unit).
struct Label {
  StringId key = 0;
  bool is_number = false;
  StringId text = 0;
  std::int64_t number = 0;
  friend bool operator==(const Label&, const Label&) = default;
};

/// Invariant: the labels of a sample are sorted: texts before numbers, each by the key's text;
/// equal keys keep the order they came in.
class Samples {
 public:
  /// A sample as filter() hands it out: elements may be changed, and spans shortened to any part.
  struct Editable {
    std::span<std::uint32_t> frames;
    std::span<std::int64_t> values;
    std::span<Label> labels;
  };

  [[nodiscard]] std::size_t size() const { return frame_ends_.size(); }
  /// Positions in Profile::locations, the innermost call first.
  [[nodiscard]] std::span<const std::uint32_t> frames(std::size_t sample) const {
    return frames_.slice(start(frame_ends_, sample), frame_ends_[sample]);
  }
  [[nodiscard]] std::span<const std::int64_t> values(std::size_t sample) const {
    return values_.slice(sample * type_count_, (sample + 1) * type_count_);
  }
  [[nodiscard]] std::span<const Label> labels(std::size_t sample) const {
    return labels_.slice(start(label_ends_, sample), label_ends_[sample]);
  }
  [[nodiscard]] std::span<std::int64_t> values(std::size_t sample) {
    return values_.slice(sample * type_count_, (sample + 1) * type_count_);
  }
  /// All labels of all samples.
  [[nodiscard]] std::span<const Label> all_labels() const {
    return labels_.slice(0, labels_.size());
  }

  /// How many values a sample has; to be called before the first sample.
  void set_type_count(std::size_t count) { type_count_ = count; }
  [[nodiscard]] std::size_t type_count() const { return type_count_; }

  /// A sample is built by any number of these and one finish_sample().
  void add_frame(std::uint32_t location) { frames_.push_back(location); }
  void add_value(std::int64_t value) { values_.push_back(value); }
  void add_label(const Label& label) { labels_.push_back(label); }
  /// Room for `most` frames, of which the caller writes some and keeps them with `end_frames`.
  [[nodiscard]] std::uint32_t* begin_frames(std::size_t most) { return frames_.extend(most); }
  void end_frames(const std::uint32_t* end) {
    frames_.truncate(static_cast<std::size_t>(end - frames_.data()));
  }
  /// The labels of the sample being built.
  [[nodiscard]] std::span<Label> open_labels() {
    return labels_.slice(label_ends_.empty() ? 0 : label_ends_[size() - 1], labels_.size());
  }
  [[nodiscard]] std::size_t open_value_count() const {
    return values_.size() - size() * type_count_;
  }
  void drop_open_values() { values_.truncate(size() * type_count_); }
  void finish_sample() {
    frame_ends_.push_back(frames_.size());
    label_ends_.push_back(labels_.size());
  }

  void append(std::span<const std::uint32_t> frames, std::span<const std::int64_t> values,
              std::span<const Label> labels) {
    frames_.append(frames);
    values_.append(values);
    labels_.append(labels);
    finish_sample();
  }

  /// Calls `keep(Editable&)` for each sample in order; those for which it says no are removed.
  template <typename Keep>
  void filter(Keep&& keep);

  /// Gives back the memory of the samples before `sample`, which are never read again.
  void discard_before(std::size_t sample) {
    frames_.discard_first(start(frame_ends_, sample));
    values_.discard_first(sample * type_count_);
    labels_.discard_first(start(label_ends_, sample));
  }

 private:
  static std::size_t start(const FlatArray<std::size_t>& ends, std::size_t sample) {
    return sample == 0 ? 0 : ends[sample - 1];
  }
  template <typename T>
  static void move_down(FlatArray<T>& array, std::size_t& size, std::span<const T> kept) {
    if (!kept.empty() && array.data() + size != kept.data()) {
      std::memmove(array.data() + size, kept.data(), kept.size_bytes());
    }
    size += kept.size();
  }

  std::size_t type_count_ = 0;
  FlatArray<std::uint32_t> frames_;
  FlatArray<std::size_t> frame_ends_;
  FlatArray<std::int64_t> values_;
  FlatArray<Label> labels_;
  FlatArray<std::size_t> label_ends_;
};

template <typename Keep>
void Samples::filter(Keep&& keep) {
  std::size_t samples = 0;
  std::size_t frame_count = 0;
  std::size_t value_count = 0;
  std::size_t label_count = 0;
  std::size_t frame_start =
      0;  // of the sample being read; the arrays' ends are rewritten behind it
  std::size_t label_start = 0;
  for (std::size_t i = 0, n = size(); i < n; ++i) {
    const std::size_t frame_end = frame_ends_[i];
    const std::size_t label_end = label_ends_[i];
    Editable sample{frames_.slice(frame_start, frame_end), values(i),
                    labels_.slice(label_start, label_end)};
    frame_start = frame_end;
    label_start = label_end;
    if (!keep(sample)) {
      continue;
    }
    move_down<std::uint32_t>(frames_, frame_count, sample.frames);
    move_down<std::int64_t>(values_, value_count, sample.values);
    move_down<Label>(labels_, label_count, sample.labels);
    frame_ends_[samples] = frame_count;
    label_ends_[samples] = label_count;
    ++samples;
  }
  frames_.truncate(frame_count);
  values_.truncate(value_count);
  labels_.truncate(label_count);
  frame_ends_.truncate(samples);
  label_ends_.truncate(samples);
}

}  // namespace heapwatch::pprof
