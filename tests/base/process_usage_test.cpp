#include "base/process_usage.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/testing/temporary_folder.h"

namespace heapwatch::base {
namespace {

std::uint64_t status_kib(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == key) {
      std::uint64_t kib = 0;
      status >> kib;
      return kib;
    }
  }
  return 0;
}

TEST(ProcessUsage, AgreesWithTheKernelsOtherCounts) {
  const ProcessUsage usage = process_usage();
  const auto kib = [](std::uint64_t bytes) { return static_cast<double>(bytes) / 1024; };
  const auto resident = static_cast<double>(status_kib("VmRSS:"));
  EXPECT_NEAR(kib(usage.resident_bytes), resident, resident * 0.2);
  EXPECT_NEAR(kib(usage.virtual_bytes), static_cast<double>(status_kib("VmSize:")), 64 * 1024);
  EXPECT_EQ(usage.threads, status_kib("Threads:"));
}

TEST(ProcessUsage, CountsAnotherOpenDescriptor) {
  const auto before = process_usage().open_descriptors;
  const int extra = dup(0);
  EXPECT_EQ(process_usage().open_descriptors, before + 1);
  close(extra);
}

TEST(ProcessUsage, CountsDescriptorsAsTheFolderListsThem) {
  const std::filesystem::directory_iterator listed("/proc/self/fd");
  EXPECT_EQ(process_usage().open_descriptors,
            static_cast<std::uint64_t>(std::distance(begin(listed), end(listed))));
}

TEST(ProcessUsage, MeasuresAgainWhenTheLastTimeIsLongEnoughAgo) {
  using namespace std::chrono_literals;
  const auto before = recent_process_usage(0ms).open_descriptors;
  const int extra = dup(0);
  EXPECT_EQ(recent_process_usage(1h).open_descriptors, before);
  EXPECT_EQ(recent_process_usage(0ms).open_descriptors, before + 1);
  close(extra);
}

TEST(ProcessUsage, StartedBeforeNowAndAfterTheMachine) {
  const auto started = process_usage().started;
  const auto now = std::chrono::system_clock::now();
  EXPECT_LE(started, now + std::chrono::seconds(2));
  EXPECT_GT(started, now - std::chrono::hours(1));
}

TEST(ProcessUsage, KnowsItsStartAlsoWhereProcHoldsProcessesAlone) {
  const heapwatch::tests::TemporaryFolder proc;
  std::filesystem::create_directory_symlink("/proc/self", proc / "self");
  const auto started = process_usage(proc.path()).started;
  const auto apart = started - process_usage().started;
  EXPECT_LT(apart, std::chrono::seconds(3));
  EXPECT_GT(apart, std::chrono::seconds(-3));
}

TEST(ProcessUsage, CountsCpuTimeLikeTheKernel) {
  volatile std::uint64_t work = 0;
  for (std::uint64_t i = 0; i < 50'000'000; ++i) {
    work = work + i;
  }
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const double seconds = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  EXPECT_NEAR(process_usage().cpu.count(), seconds, 0.1);
}

}  // namespace
}  // namespace heapwatch::base
