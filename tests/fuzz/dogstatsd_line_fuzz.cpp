// Names, tags and values of any bytes make lines that are one line each, no longer than asked for,
// and read back as what was meant.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "exporters/dogstatsd/line.h"
#include "tests/testing/dogstatsd_checker.h"

namespace {

using namespace heapwatch;
using exporters::dogstatsd::LineOptions;
using exporters::dogstatsd::LineWriter;
using exporters::dogstatsd::Written;
using tests::split;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

/// Takes the input apart: each text is a length byte and that many bytes.
class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}

  std::uint8_t byte() {
    if (bytes_.empty()) {
      return 0;
    }
    const auto first = static_cast<std::uint8_t>(bytes_[0]);
    bytes_.remove_prefix(1);
    return first;
  }
  std::string text() {
    const std::size_t wanted = byte();
    const std::size_t length = std::min(wanted, bytes_.size());
    std::string taken(bytes_.substr(0, length));
    bytes_.remove_prefix(length);
    return taken;
  }
  base::Number number() {
    const bool integer = (byte() & 1U) != 0;
    std::uint64_t bits = 0;
    for (int i = 0; i < 8; ++i) {
      bits = (bits << 8U) | byte();
    }
    return integer ? base::Number::of(bits) : base::Number::of(std::bit_cast<double>(bits));
  }

 private:
  std::string_view bytes_;
};

/// The lines of `out`, each without its end.
std::vector<std::string_view> lines_of(std::string_view out, const LineOptions& options) {
  if (out.empty()) {
    return {};
  }
  require(out.back() == '\n');
  auto lines = split(out.substr(0, out.size() - 1), '\n');
  for (const std::string_view line : lines) {
    require(line.size() + 1 <= options.line_bytes_max);
  }
  return lines;
}

void check_series(Input& input, const metrics::Tags& tags, const LineOptions& options) {
  LineWriter writer(options);
  metrics::Series series;
  series.context = metrics::make_context({input.text(), tags, {}, ""});
  series.type = static_cast<metrics::MetricType>(input.byte() % 8);
  series.value = input.number();
  series.distribution.emplace().run = {input.number(), input.number(), input.number()};
  std::string out;
  const Written written = writer.append(out, series);
  std::size_t values = 0;
  const auto full = static_cast<std::size_t>(
      std::count_if(tags.begin(), tags.end(), [](const auto& tag) { return !tag.empty(); }));
  for (const std::string_view line : lines_of(out, options)) {
    const auto read = tests::check_metric(line);
    require(read.valid && read.tags <= full);
    values += read.values;
  }
  require(values == written.points[0] + written.points[1] + written.points[2]);
}

void check_check(Input& input, const metrics::Tags& tags, const LineOptions& options) {
  metrics::ServiceCheck check{input.text(),
                              static_cast<metrics::ServiceCheckStatus>(input.byte() % 4), tags,
                              input.text(), input.text()};
  std::string out;
  const Written written = LineWriter(options).append(out, check);
  const auto lines = lines_of(out, options);
  require(lines.size() + written.unsendable + written.oversize == 1);
  require(lines.empty() || tests::check_service_check(lines[0]));
}

void check_event(Input& input, const metrics::Tags& tags, const LineOptions& options) {
  metrics::Event event;
  event.title = input.text();
  event.text = input.text();
  event.aggregation_key = input.text();
  event.priority = input.text();
  event.tags = tags;
  std::string out;
  const Written written = LineWriter(options).append(out, event);
  const auto lines = lines_of(out, options);
  require(lines.size() + written.unsendable + written.oversize == 1);
  require(lines.empty() || tests::check_event(lines[0]));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input({reinterpret_cast<const char*>(data), size});
  LineOptions options;
  options.line_bytes_max = std::size_t{16} + input.byte() * std::size_t{4};
  metrics::Tags tags;
  for (int left = input.byte() % 4; left > 0; --left) {
    tags.push_back(input.text());
  }
  check_series(input, tags, options);
  check_check(input, tags, options);
  check_event(input, tags, options);
  return 0;
}
