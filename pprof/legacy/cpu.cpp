// The binary CPU profiles of gperftools.
#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "pprof/legacy/formats.h"

namespace heapwatch::pprof::legacy {
namespace {

// One sample in so many may differ in a frame that all others share.
constexpr std::size_t similar_samples = 32;
constexpr int shared_frames_max = 2;

/// Reads words of 4 or 8 bytes in either byte order.
class Words {
 public:
  Words(std::string_view bytes, std::size_t word_bytes, bool is_big_endian)
      : rest_(bytes), word_bytes_(word_bytes), is_big_endian_(is_big_endian) {}

  std::optional<std::uint64_t> next() {
    if (rest_.size() < word_bytes_) {
      rest_ = {};
      return std::nullopt;
    }
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < word_bytes_; ++i) {
      const std::size_t at = is_big_endian_ ? i : word_bytes_ - 1 - i;
      word = word << 8U | static_cast<unsigned char>(rest_[at]);
    }
    rest_.remove_prefix(word_bytes_);
    return word;
  }
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  std::size_t word_bytes_;
  bool is_big_endian_;
};

struct CpuHeader {
  bool is_java = false;
  std::int64_t period_us = 0;
};

std::optional<CpuHeader> read_header(Words& words) {
  std::array<std::uint64_t, 5> header{};
  for (std::uint64_t& word : header) {
    const auto read = words.next();
    if (!read) {
      return std::nullopt;
    }
    word = *read;
  }
  if (header[0] != 0 || header[1] != 3 || header[2] > 1 || header[3] == 0 || header[4] != 0) {
    return std::nullopt;
  }
  return CpuHeader{header[2] == 1, static_cast<std::int64_t>(header[3])};
}

/// Reads samples up to the end marker or the end; false when they are cut short.
bool read_samples(Words& words, bool is_java, StackBuilder& builder) {
  Profile& profile = builder.profile;
  while (!words.rest().empty()) {
    const auto count = words.next();
    const auto depth = words.next();
    if (!count || !depth || *depth > words.rest().size() / 4) {
      return false;
    }
    std::vector<std::uint64_t> stack(*depth);
    for (std::uint64_t& address : stack) {
      address = words.next().value_or(0);
    }
    if (*count == 0 && stack.size() == 1 && stack[0] == 0) {
      break;
    }
    for (std::size_t i = 0; i < stack.size(); ++i) {
      profile.samples.add_frame(builder.location_at(stack[i] - (!is_java && i > 0 ? 1U : 0U)));
    }
    const auto samples = static_cast<std::int64_t>(*count);
    profile.samples.add_value(samples);
    profile.samples.add_value(wrapping_multiply(samples, profile.period));
    profile.samples.finish_sample();
  }
  return true;
}

/// The second frame that (nearly) all samples have, if there is one: the signal handler's.
std::optional<std::uint32_t> shared_second_frame(const Samples& samples) {
  std::map<std::uint32_t, std::size_t> seen;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (samples.frames(i).size() > 1) {
      ++seen[samples.frames(i)[1]];
    }
  }
  const std::size_t enough = samples.size() - samples.size() / similar_samples;
  for (const auto& [frame, count] : seen) {
    if (count >= enough) {
      return frame;
    }
  }
  return std::nullopt;
}

void drop_signal_handler(Samples& samples) {
  for (int i = 0; i < shared_frames_max; ++i) {
    const auto shared = shared_second_frame(samples);
    if (!shared) {
      return;
    }
    samples.filter([&](Samples::Editable& sample) {
      if (sample.frames.size() > 1 && sample.frames[1] == *shared) {
        sample.frames[1] = sample.frames[0];
        sample.frames = sample.frames.subspan(1);
      }
      return true;
    });
  }
}

Result<Profile> parse(Words words, const CpuHeader& header) {
  StackBuilder builder;
  builder.set_types({{"samples", "count"}, {"cpu", "nanoseconds"}});
  builder.set_period("cpu", "nanoseconds", wrapping_multiply(header.period_us, 1000));
  if (!read_samples(words, header.is_java, builder)) {
    return unrecognized();
  }
  if (header.is_java) {
    return finish_java(builder, Lines(words.rest()));
  }
  drop_signal_handler(builder.profile.samples);
  Profile profile = builder.finish(Lines(words.rest()));
  drop_doubled_leaves(profile);
  return profile;
}

}  // namespace

Result<Profile> parse_cpu(std::string_view bytes) {
  for (const std::size_t word_bytes : {4U, 8U}) {
    for (const bool is_big_endian : {false, true}) {
      Words words(bytes, word_bytes, is_big_endian);
      if (const auto header = read_header(words)) {
        return parse(words, *header);
      }
    }
  }
  return unrecognized();
}

}  // namespace heapwatch::pprof::legacy
