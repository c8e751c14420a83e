// Memory that runs out while a run is made into packets.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "base/remembered.h"
#include "exporters/dogstatsd/dogstatsd_exporter.h"
#include "tests/testing/failing_allocations.h"
#include "unix_server.h"

namespace heapwatch::exporters::dogstatsd {
namespace {

using heapwatch::tests::FailAllocation;

metrics::Snapshot run_of(int series, const std::string& name) {
  metrics::Snapshot made;
  made.instance = std::make_shared<const metrics::Instance>();
  for (int i = 0; i < series; ++i) {
    metrics::Series one;
    one.context =
        metrics::make_context({name + std::to_string(i), {"tag:that_is_not_short"}, {}, ""});
    one.type = metrics::MetricType::gauge;
    one.value = base::Number::of(i);
    made.series.push_back(std::move(one));
  }
  made.service_checks.emplace_back().name = "a_service_that_can_be_reached";
  made.events.emplace_back().title = "a title that is not short";
  return made;
}

std::vector<std::string> lines_of(UnixServer& server) {
  std::vector<std::string> lines;
  for (const std::string& packet : server.receive_all()) {
    std::istringstream in(packet);
    for (std::string line; std::getline(in, line);) {
      lines.push_back(line);
    }
  }
  return lines;
}

DogStatsdOptions options_for(const Folder& folder) {
  DogStatsdOptions made;
  made.address = parse_address("unixgram://" + folder.socket()).value();
  made.origin_detection = false;
  made.telemetry = false;
  made.packet_bytes_max = 256;
  made.log = [](base::LogLevel, std::string_view) {};
  return made;
}

TEST(DogStatsdExporter, WhereverMemoryRunsOutWholeLinesAreSentAndTheNextRunIsWhole) {
  const Folder folder;
  UnixServer server(folder.socket(), SOCK_DGRAM);
  const metrics::Snapshot run = run_of(20, "a.name_that_is_not_short");
  std::vector<std::string> expected;
  {
    DogStatsdExporter undisturbed(options_for(folder));
    (void)undisturbed.publish(run);
    ASSERT_TRUE(undisturbed.drain(std::chrono::seconds{10}));
    expected = lines_of(server);
    ASSERT_EQ(expected.size(), 22U);
  }
  bool has_failed = true;
  int lost = 0;
  for (std::size_t n = 1; has_failed; ++n) {
    SCOPED_TRACE(n);
    DogStatsdExporter exporter(options_for(folder));
    {
      const FailAllocation failing(n);
      if (n % 2 == 0) {
        (void)exporter.publish(run);
      } else {
        const auto publication = exporter.begin(run);
        while (publication && publication->advance()) {
        }
      }
      has_failed = FailAllocation::has_failed();
    }
    ASSERT_TRUE(exporter.drain(std::chrono::seconds{10}));
    lost += exporter.lost() > 0 ? 1 : 0;
    for (const std::string& line : lines_of(server)) {
      EXPECT_NE(std::find(expected.begin(), expected.end(), line), expected.end()) << line;
    }
    (void)exporter.publish(run);
    ASSERT_TRUE(exporter.drain(std::chrono::seconds{10}));
    const auto lines = lines_of(server);
    ASSERT_GE(lines.size(), expected.size());  // what was rendered before may still come first
    EXPECT_TRUE(std::equal(expected.rbegin(), expected.rend(), lines.rbegin()));
  }
  EXPECT_GT(lost, 50);
}

TEST(LineWriter, CountsWhatItKeepsAndGivesItBackWithTheNames) {
  const std::size_t before = base::remembered().bytes.load();
  LineWriter writer({});
  std::string lines;
  {
    const metrics::Snapshot run = run_of(1000, std::string(500, 'n'));
    for (const metrics::Series& series : run.series) {
      writer.append(lines, series);
    }
    EXPECT_GT(base::remembered().bytes.load() - before, std::size_t{1000} * 2 * 500);
  }
  EXPECT_GT(base::remembered().bytes.load() - before, std::size_t{1000} * 2 * 500);
  writer.sweep();
  EXPECT_EQ(base::remembered().bytes.load(), before);
}

}  // namespace
}  // namespace heapwatch::exporters::dogstatsd
