// What a receiver that is away costs.
#include "exporters/pyroscope/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/log.h"

namespace heapwatch::exporters::pyroscope::tests {
namespace {

TEST(PyroscopeEndpoint, ProfilesThatWaitForAReceiverTakeNoMoreMemoryThanTheyMay) {
  base::set_log_level(base::LogLevel::off);
  EndpointOptions options;
  options.receiver.name = "away";
  options.receiver.request.url = "http://127.0.0.1:1/ingest";
  options.receiver.memory_bytes_max = std::size_t{1} << 20U;
  options.receiver.disk_folder.clear();
  options.api = Api::ingest;
  auto endpoint = Endpoint::start(std::move(options), base::now);
  ASSERT_TRUE(endpoint);
  constexpr std::size_t profile_bytes = 100'000;
  constexpr std::uint64_t profiles = 1000;
  for (std::uint64_t i = 0; i < profiles; ++i) {
    (*endpoint)->send({.service = "a" + std::to_string(i),
                       .spy = "gospy",
                       .labels = {},
                       .from = {},
                       .until = std::chrono::system_clock::now(),
                       .profile = std::string(profile_bytes, 'p')});
  }
  EXPECT_FALSE((*endpoint)->drain(std::chrono::milliseconds(100)));
  const push::Figures figures = (*endpoint)->figures();
  EXPECT_EQ(figures.samples_sent, 0U);
  EXPECT_FALSE(figures.reachable);
  EXPECT_GT(figures.dropped_queue_full, 0U);
  EXPECT_EQ(figures.dropped_queue_full + figures.queue_samples, profiles);
  // What waits, and what the sender has before it.
  EXPECT_LE(figures.queue_memory_bytes,
            (std::size_t{1} << 20U) + (std::size_t{8} << 20U) + profile_bytes + 1000);
}

}  // namespace
}  // namespace heapwatch::exporters::pyroscope::tests
