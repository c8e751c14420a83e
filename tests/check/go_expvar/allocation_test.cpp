#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "check/go_expvar/page_collector.h"

// Counts what this program allocates by `new`, strings and containers included.
namespace {
std::atomic<std::size_t> allocations{0};
}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) {
    return memory;
  }
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace heapwatch::check::go_expvar {
namespace {

class CountingSink final : public metrics::SampleSink {
 public:
  void submit(const metrics::Sample& sample) override { sum += sample.value.to_double(); }
  void submit(const metrics::ServiceCheck& /*check*/) override {}
  void submit(const metrics::Event& /*event*/) override {}
  double sum = 0;
};

TEST(PageCollector, AllocatesNothingForAPageItKnows) {
  std::string page = R"({"memstats":{"Alloc":1,"TotalAlloc":1,"Lookups":1,"Mallocs":1,"Frees":1,)"
                     R"("HeapAlloc":1,"HeapSys":1,"HeapIdle":1,"HeapInuse":1,"HeapReleased":1,)"
                     R"("HeapObjects":1,"PauseTotalNs":1,"NumGC":300,"PauseNs":[1)";
  for (int i = 1; i < 256; ++i) {
    page += ",1";
  }
  page += "]},\"routes\":{";
  for (int i = 0; i < 100; ++i) {
    page += (i == 0 ? "\"GET /" : ",\"GET /") + std::to_string(i) + "\":{\"count\":1}";
  }
  page += "}}";
  CollectorOptions options;
  options.metrics.push_back(
      {.path = expvar::parse_path(R"(routes/(?P<method>\w+) .*/count)").value(),
       .type = metrics::MetricType::monotonic_counter,
       .alias = "hits",
       .tags = {"a:b"}});
  PageCollector collector(options);
  CountingSink sink;
  for (int run = 0; run < 3; ++run) {
    const auto report = collector.collect(page, sink);
    ASSERT_TRUE(report && report->warnings.empty());
  }
  const std::size_t before = allocations;
  for (int run = 0; run < 4; ++run) {
    ASSERT_TRUE(collector.collect(page, sink));
  }
  EXPECT_EQ(allocations - before, 0U);
  EXPECT_EQ(sink.sum, 7.0 * (13 + 1 + 100) + 256 + 299 * 7);
}

}  // namespace
}  // namespace heapwatch::check::go_expvar
