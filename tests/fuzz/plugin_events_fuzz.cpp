// What a plugin submits, of any bytes: events, service checks and metrics reach the sink as they
// are, and every exporter can write them.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "check/shared_library/receiver.h"
#include "exporters/console/console.h"
#include "exporters/dogstatsd/line.h"
#include "metrics/aggregator.h"

namespace {

using namespace heapwatch;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

/// Takes the input apart; the texts it gives are C's, or null.
class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] bool is_empty() const { return bytes_.empty(); }
  std::uint8_t byte() {
    if (bytes_.empty()) {
      return 0;
    }
    const auto first = static_cast<std::uint8_t>(bytes_[0]);
    bytes_.remove_prefix(1);
    return first;
  }
  std::uint64_t word() {
    std::uint64_t bits = 0;
    for (int i = 0; i < 8; ++i) {
      bits = (bits << 8U) | byte();
    }
    return bits;
  }
  char* text() {
    constexpr std::uint8_t null = 255;
    const std::uint8_t wanted = byte();
    if (wanted == null) {
      return nullptr;
    }
    const std::size_t length = std::min<std::size_t>(wanted, bytes_.size());
    texts_.emplace_back(bytes_.substr(0, length));
    bytes_.remove_prefix(length);
    return texts_.back().data();
  }
  char** tags() {
    const std::uint8_t count = byte() % 8;
    if (count == 0) {
      return nullptr;
    }
    std::vector<char*>& list = lists_.emplace_back();
    for (std::uint8_t i = 1; i < count; ++i) {
      list.push_back(text());  // the first that is null ends the list
    }
    list.push_back(nullptr);
    return list.data();
  }

 private:
  std::string_view bytes_;
  std::deque<std::string> texts_;
  std::deque<std::vector<char*>> lists_;
};

void submit_one(Input& input, char* id) {
  const aggregator_t& to = check::shared_library::callbacks();
  switch (input.byte() % 4) {
    case 0: {
      event_t event{};
      event.title = input.text();
      event.text = input.text();
      event.ts = static_cast<long>(input.word());
      event.priority = input.text();
      event.host = input.text();
      event.tags = input.tags();
      event.alert_type = input.text();
      event.aggregation_key = input.text();
      event.source_type_name = input.text();
      event.event_type = input.text();
      to.submit_event(id, &event);
      return;
    }
    case 1: {
      char* const name = input.text();
      const int status = static_cast<int>(input.word());
      char** const tags = input.tags();
      char* const host = input.text();
      to.submit_service_check(id, name, status, tags, host, input.text());
      return;
    }
    case 2: {
      const int type = static_cast<int>(input.byte()) - 4;
      char* const name = input.text();
      double value = 0;
      const std::uint64_t bits = input.word();
      std::memcpy(&value, &bits, sizeof value);
      char** const tags = input.tags();
      to.submit_metric(id, type, name, value, tags, input.text(), (bits & 1U) != 0);
      return;
    }
    default:
      to.submit_event(id, nullptr);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input({reinterpret_cast<const char*>(data), size});
  const check::InstanceOptions options;
  check::shared_library::Receiver receiver("fuzz:1", options);
  metrics::Aggregator aggregator;
  receiver.begin(aggregator);
  std::array<char, 7> id{"fuzz:1"};
  constexpr int submissions_max = 64;
  for (int i = 0; i < submissions_max && !input.is_empty(); ++i) {
    submit_one(input, id.data());
  }
  (void)receiver.end();
  metrics::Snapshot snapshot;
  snapshot.instance = std::make_shared<const metrics::Instance>();
  aggregator.commit(snapshot);
  const std::string lines = exporters::console::render_dogstatsd(snapshot, {});
  require(lines.empty() || lines.back() == '\n');
  (void)exporters::console::render_text({&snapshot, 1}, {});
  for (const char c : exporters::console::render_table({&snapshot, 1}, {})) {
    require(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t');
  }
  return 0;
}
