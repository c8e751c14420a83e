#include "exporters/prometheus/self_metrics.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace heapwatch::exporters::prometheus {
namespace {

std::map<std::string, double> process_values(const SelfMetrics& self) {
  std::map<std::string, double> values;
  for (const auto& family : self.Collect()) {
    if (family.name.rfind("process_", 0) == 0) {
      const auto& metric = family.metric.at(0);
      values[family.name] = family.type == ::prometheus::MetricType::Counter ? metric.counter.value
                                                                             : metric.gauge.value;
    }
  }
  return values;
}

TEST(SelfMetrics, ReadTheProcessFromProc) {
  const std::filesystem::path proc =
      std::filesystem::path(testing::TempDir()) / ("proc" + std::to_string(getpid()));
  std::filesystem::create_directories(proc / "self" / "fd");
  std::ofstream(proc / "self" / "fd" / "0").flush();
  std::ofstream(proc / "self" / "fd" / "1").flush();
  std::ofstream(proc / "stat") << "cpu 1 2 3\nintr 9 9\nbtime 1700000000\nprocesses 5\n";
  std::ofstream(proc / "self" / "stat")
      << "42 (a b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0 1000 8192000 100 1 1 1\n";
  auto values = process_values(SelfMetrics("1", proc.string()));
  EXPECT_GT(values["process_max_fds"], 0);
  values.erase("process_max_fds");
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  EXPECT_EQ(values,
            (std::map<std::string, double>{
                {"process_cpu_seconds_total", 300 / ticks},
                {"process_open_fds", 2},
                {"process_resident_memory_bytes", 100 * static_cast<double>(sysconf(_SC_PAGESIZE))},
                {"process_start_time_seconds", 1700000000 + 1000 / ticks},
                {"process_virtual_memory_bytes", 8192000},
            }));
  std::filesystem::remove_all(proc);
}

TEST(SelfMetrics, ReadThisProcess) {
  auto values = process_values(SelfMetrics("1"));
  EXPECT_EQ(values.size(), 6U);
  for (const auto& [name, value] : values) {
    EXPECT_GE(value, 0) << name;
  }
  EXPECT_GT(values["process_resident_memory_bytes"], 1024 * 1024);
  EXPECT_GT(values["process_start_time_seconds"], 1.6e9);
  EXPECT_GE(values["process_open_fds"], 3);
}

TEST(SelfMetrics, LeaveOutWhatProcDoesNotSay) {
  const auto values = process_values(SelfMetrics("1", "/nonexistent"));
  EXPECT_EQ(values.count("process_cpu_seconds_total"), 0U);
}

}  // namespace
}  // namespace heapwatch::exporters::prometheus
