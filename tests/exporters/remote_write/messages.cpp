// Prints messages of both versions for a decoder that is not ours: a line each, `version base16`.
#include <bit>
#include <iostream>
#include <limits>
#include <string>

#include "base/text.h"
#include "exporters/remote_write/encoder.h"
#include "exporters/remote_write/transcode.h"

namespace {

using namespace heapwatch::exporters;                // NOLINT(google-build-using-namespace)
using namespace heapwatch::exporters::remote_write;  // NOLINT(google-build-using-namespace)

void fill(Encoder& encoder) {
  for (int i = 0; i < 200; ++i) {
    const LabelBytes labels({{"Zone", "z\xc3\xa4"},
                             {"__replica__", std::string(static_cast<std::size_t>(i), 'r')},
                             {"i", std::to_string(i)},
                             {"quote", "\"\\\n"}});
    const SeriesName name("metric_" + std::to_string(i % 7));
    const Metadata metadata{.family = "metric_" + std::to_string(i % 7),
                            .help = "help \xff",
                            .type = i % 2 == 0 ? MetadataType::gauge : MetadataType::counter};
    const double value = i == 5 ? std::numeric_limits<double>::infinity() : i * 0.1;
    encoder.add(Line{.before_name = labels.before_name(),
                     .name = name.label(),
                     .after_name = labels.after_name(),
                     .metadata = &metadata,
                     .value_bits = i == 7 ? stale_bits : std::bit_cast<std::uint64_t>(value),
                     .time_ms = i == 9    ? -1
                                : i == 11 ? 0
                                          : 1'700'000'000'000 + i});
  }
}

void print(const char* kind, const std::string& message) {
  std::string text;
  for (const char c : compressed(message)) {
    heapwatch::base::append_hex(text, static_cast<unsigned char>(c), 2);
  }
  std::cout << kind << ' ' << text << '\n';
}

}  // namespace

int main() {
  Encoder one(Version::v1);
  fill(one);
  const std::string first = one.take();
  print("1", first);
  Encoder two(Version::v2);
  fill(two);
  print("2", two.take());
  print("1to2", transcoded(first, Version::v1, Version::v2).value());
  Encoder metadata(Version::v1);
  metadata.add(Metadata{.family = "m", .help = "h\xff", .type = MetadataType::summary});
  metadata.add(Metadata{.family = "n", .help = "", .type = MetadataType::unknown});
  print("metadata", metadata.take());
}
