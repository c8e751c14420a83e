// Batches in memory while the disk does not take them.
#include "exporters/push/queue.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <string>
#include <vector>

#include "tests/testing/temporary_folder.h"

namespace heapwatch::exporters::push {
namespace {

Batch batch(std::uint32_t number, std::size_t bytes = 1000) {
  Batch made;
  made.samples = number;
  made.message = std::string(bytes, 'x');
  return made;
}

std::vector<std::uint32_t> drained(Queue& queue) {
  std::vector<std::uint32_t> numbers;
  while (const auto taken = queue.take()) {
    numbers.push_back(taken->batch.samples);
    queue.done(*taken);
  }
  return numbers;
}

TEST(PushQueue, MemoryThatIsFullLosesItsOldest) {
  Queue queue({.disk = nullptr, .memory_bytes_max = 3500});
  for (std::uint32_t i = 1; i <= 5; ++i) {
    queue.push(batch(i));
    EXPECT_LE(queue.memory_bytes(), 3500U);
  }
  EXPECT_EQ(queue.dropped_samples(), 3U);
  EXPECT_EQ(queue.samples(), 12U);
  EXPECT_EQ(drained(queue), (std::vector<std::uint32_t>{3, 4, 5}));
}

/// Files of this process can be no longer while it lives, as on a disk that is full.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, SIG_DFL);
  }

 private:
  rlimit before_{};
};

TEST(PushQueue, BatchesWaitInMemoryWhileTheDiskIsFullAndKeepTheirOrder) {
  const heapwatch::tests::TemporaryFolder folder;
  Queue queue({.disk = std::move(*DiskQueue::open({.folder = folder.path()}))});
  queue.push(batch(1));
  queue.push(batch(2));
  {
    const FullDisk full(2500);
    queue.push(batch(3));
    queue.push(batch(4));
    ASSERT_TRUE(queue.disk_error().has_value());
    EXPECT_NE(queue.disk_error()->message.find("File too large"), std::string::npos);
    EXPECT_EQ(queue.memory_bytes(), 2000U);
  }
  queue.push(batch(5));
  EXPECT_FALSE(queue.disk_error().has_value());
  EXPECT_EQ(queue.memory_bytes(), 0U);
  EXPECT_EQ(drained(queue), (std::vector<std::uint32_t>{1, 2, 3, 4, 5}));
}

TEST(PushQueue, WhatIsInMemoryIsSentAfterWhatIsOnTheDisk) {
  const heapwatch::tests::TemporaryFolder folder;
  Queue queue({.disk = std::move(*DiskQueue::open({.folder = folder.path()}))});
  queue.push(batch(1));
  const FullDisk full(1100);
  queue.push(batch(2));
  EXPECT_EQ(drained(queue), (std::vector<std::uint32_t>{1, 2}));
}

}  // namespace
}  // namespace heapwatch::exporters::push
