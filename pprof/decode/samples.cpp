// The samples of a profile.proto: stacks, values and labels.
#include <algorithm>
#include <string>

#include "pprof/decode/decoder.h"
#include "pprof/flat_array.h"

namespace heapwatch::pprof::decode {

constexpr std::size_t discard_step_bytes = std::size_t{8} << 20U;

void Decoder::read_samples() {
  profile_.samples.set_type_count(profile_.sample_types.size());
  const char* discarded = bytes_.data();
  pbf_reader message(bytes_.data(), bytes_.size());
  while (message.next()) {
    if (message.tag() != 2) {
      message.skip();
      continue;
    }
    const protozero::data_view sample = message.get_view();
    read_sample(sample);
    if (consume_ && sample.data() > discarded + discard_step_bytes) {
      discard_pages(discarded, sample.data());
      discarded = sample.data();
    }
  }
}

void Decoder::read_sample(protozero::data_view bytes) {
  Samples& samples = profile_.samples;
  pbf_reader message(bytes);
  while (message.next()) {
    switch (message.tag()) {
      case 1: {
        // No more numbers than bytes are left in the sample.
        std::uint32_t* at = samples.begin_frames(message.length());
        each_varint(message, [&](std::uint64_t id) { *at++ = location_positions_[id]; });
        samples.end_frames(at);
        break;
      }
      case 2:
        each_varint(message,
                    [&](std::uint64_t n) { samples.add_value(static_cast<std::int64_t>(n)); });
        break;
      case 3:
        read_label(view(message));
        break;
      default:
        message.skip();
        break;
    }
  }
  sort_labels();
  const std::size_t values = samples.open_value_count();
  if (values != samples.type_count()) {
    note_invalid(samples.type_count() == 0
                     ? "missing sample type information"
                     : "mismatch: sample has " + std::to_string(values) + " values vs. " +
                           std::to_string(samples.type_count()) + " types");
    samples.drop_open_values();
    for (std::size_t i = 0; i < samples.type_count(); ++i) {
      samples.add_value(0);
    }
  } else if (samples.type_count() == 0) {
    note_invalid("missing sample type information");
  }
  samples.finish_sample();
  const auto frames = samples.frames(samples.size() - 1);
  if (std::find(frames.begin(), frames.end(), no_index) != frames.end()) {
    note_invalid("sample has nil location");
  }
}

void Decoder::read_label(protozero::data_view bytes) {
  std::uint64_t key = 0;
  std::uint64_t text = 0;
  std::int64_t number = 0;
  std::uint64_t unit = 0;
  pbf_reader message(bytes);
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        key = varint(message);
        break;
      case 2:
        text = varint(message);
        break;
      case 3:
        number = static_cast<std::int64_t>(varint(message));
        break;
      case 4:
        unit = varint(message);
        break;
      default:
        message.skip();
        break;
    }
  }
  const StringId key_id = string(key);
  if (text != 0) {
    profile_.samples.add_label({key_id, false, string(text), 0});
  } else if (number != 0 || unit != 0) {
    profile_.samples.add_label({key_id, true, string(unit), number});
  }
}

void Decoder::sort_labels() {
  const auto labels = profile_.samples.open_labels();
  const auto less = [&](const Label& a, const Label& b) {
    if (a.is_number != b.is_number) {
      return b.is_number;
    }
    return a.key != b.key && profile_.text(a.key) < profile_.text(b.key);
  };
  if (labels.size() > 1 && !std::is_sorted(labels.begin(), labels.end(), less)) {
    std::stable_sort(labels.begin(), labels.end(), less);
  }
}

}  // namespace heapwatch::pprof::decode
