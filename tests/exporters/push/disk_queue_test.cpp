// The queue on the disk: order, bounds, restarts, kills.
#include "exporters/push/disk_queue.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <deque>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/testing/temporary_folder.h"

namespace heapwatch::exporters::push {
namespace {

constexpr std::uint64_t large = std::uint64_t{1} << 30U;

Batch small_batch(std::uint32_t number, std::size_t bytes = 100) {
  Batch made;
  made.samples = number;
  made.message = std::string(bytes, static_cast<char>('a' + number % 26));
  return made;
}

std::unique_ptr<DiskQueue> opened(const std::filesystem::path& folder,
                                  std::uint64_t bytes_max = large) {
  auto queue =
      DiskQueue::open({.folder = folder, .bytes_max = bytes_max, .segment_bytes = 64 * 1024});
  EXPECT_TRUE(queue.has_value()) << queue.error().message;
  return std::move(*queue);
}

/// Takes and does all that is there.
std::vector<std::uint32_t> drained(DiskQueue& queue) {
  std::vector<std::uint32_t> numbers;
  while (const auto taken = queue.take()) {
    EXPECT_EQ(taken->batch.message,
              small_batch(taken->batch.samples, taken->batch.message.size()).message);
    numbers.push_back(taken->batch.samples);
    queue.done(taken->place);
  }
  return numbers;
}

std::size_t files_in(const std::filesystem::path& folder) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files += entry.path().extension() == ".batches" ? 1 : 0;
  }
  return files;
}

TEST(PushDiskQueue, BatchesComeOutInTheOrderInWhichTheyWentInAlsoAfterARestart) {
  const heapwatch::tests::TemporaryFolder folder;
  std::vector<std::uint32_t> all;
  for (std::uint32_t i = 1; i <= 300; ++i) {
    all.push_back(i);
  }
  {
    const auto queue = opened(folder.path());
    for (const std::uint32_t i : all) {
      ASSERT_TRUE(queue->append(small_batch(i, 1000)));
    }
    EXPECT_EQ(queue->batches(), 300U);
    EXPECT_GT(files_in(folder.path()), 3U);
  }
  const auto queue = opened(folder.path());
  EXPECT_EQ(queue->batches(), 300U);
  EXPECT_EQ(queue->samples(), 300U * 301 / 2);
  EXPECT_EQ(drained(*queue), all);
  EXPECT_EQ(queue->batches(), 0U);
  EXPECT_EQ(queue->samples(), 0U);
  EXPECT_EQ(queue->bytes(), 0U);
  EXPECT_EQ(files_in(folder.path()), 0U);
}

TEST(PushDiskQueue, WhatIsDoneStaysDoneAfterRestartsWhenAllFilesAreGone) {
  const heapwatch::tests::TemporaryFolder folder;
  for (std::uint32_t round = 0; round < 4; ++round) {
    const auto queue = opened(folder.path());
    EXPECT_EQ(queue->batches(), 0U) << round;
    ASSERT_TRUE(queue->append(small_batch(round + 1)));
    EXPECT_EQ(drained(*queue), std::vector<std::uint32_t>{round + 1});
  }
}

TEST(PushDiskQueue, BatchesThatAreDoneOutOfOrderAreNotTakenAgain) {
  const heapwatch::tests::TemporaryFolder folder;
  {
    const auto queue = opened(folder.path());
    std::vector<DiskQueue::Taken> taken;
    for (std::uint32_t i = 1; i <= 8; ++i) {
      ASSERT_TRUE(queue->append(small_batch(i)));
      taken.push_back(queue->take().value());
    }
    for (const std::size_t i : {1U, 3U, 7U}) {
      queue->done(taken[i].place);
    }
  }
  const auto queue = opened(folder.path());
  EXPECT_EQ(queue->batches(), 5U);
  EXPECT_EQ(drained(*queue), (std::vector<std::uint32_t>{1, 3, 5, 6, 7}));
}

TEST(PushDiskQueue, NoMoreAreTakenThanCanBeWrittenDownAsDone) {
  const heapwatch::tests::TemporaryFolder folder;
  const auto queue = opened(folder.path());
  std::vector<DiskQueue::Taken> taken;
  for (std::uint32_t i = 1; i <= 40; ++i) {
    ASSERT_TRUE(queue->append(small_batch(i)));
  }
  while (auto next = queue->take()) {
    taken.push_back(std::move(*next));
  }
  EXPECT_EQ(taken.size(), DiskQueue::open_max);
  queue->done(taken[5].place);
  EXPECT_FALSE(queue->take().has_value());  // the first one holds up all
  queue->done(taken[0].place);
  EXPECT_EQ(queue->take()->batch.samples, DiskQueue::open_max + 1);
}

TEST(PushDiskQueue, AFullQueueLosesItsOldestAndCountsThem) {
  const heapwatch::tests::TemporaryFolder folder;
  constexpr std::uint64_t bound = std::uint64_t{1} << 20U;
  const auto queue = opened(folder.path(), bound);
  std::uint64_t sum = 0;
  for (std::uint32_t i = 1; i <= 400; ++i) {
    ASSERT_TRUE(queue->append(small_batch(i, 10'000)));
    EXPECT_LE(queue->bytes(), bound);
    sum += i;
  }
  const std::uint64_t waiting = queue->samples();
  EXPECT_EQ(queue->lost().samples + waiting, sum);
  const auto left = drained(*queue);
  ASSERT_FALSE(left.empty());
  EXPECT_EQ(left.back(), 400U);
  EXPECT_EQ(left.size(), 400U - left.front() + 1);
  EXPECT_GT(left.size(), 80U);  // most of the bound is used
}

TEST(PushDiskQueue, WhatIsOnItsWayWhenItsFileIsDroppedIsDoneWithoutHarm) {
  const heapwatch::tests::TemporaryFolder folder;
  const auto queue = opened(folder.path(), std::uint64_t{1} << 20U);
  ASSERT_TRUE(queue->append(small_batch(1, 10'000)));
  const auto first = queue->take();
  for (std::uint32_t i = 2; i <= 400; ++i) {
    ASSERT_TRUE(queue->append(small_batch(i, 10'000)));
  }
  queue->done(first->place);
  const auto left = drained(*queue);
  EXPECT_EQ(left.size(), 400U - left.front() + 1);
}

TEST(PushDiskQueue, TwoProcessesDoNotShareAQueue) {
  const heapwatch::tests::TemporaryFolder folder;
  const auto queue = opened(folder.path());
  const auto second = DiskQueue::open({.folder = folder.path()});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, base::ErrorKind::refused);
  EXPECT_EQ(second.error().message, folder.path().string() + ": another process has this queue");
}

TEST(PushDiskQueue, AFolderThatCannotBeMadeIsSaid) {
  const heapwatch::tests::TemporaryFolder folder;
  std::ofstream(folder.path() / "file") << "x";
  const auto queue = DiskQueue::open({.folder = folder.path() / "file" / "queue"});
  ASSERT_FALSE(queue.has_value());
  EXPECT_EQ(queue.error().message,
            (folder.path() / "file" / "queue").string() + ": Not a directory");
}

TEST(PushDiskQueue, DamageIsPassedOverAndCounted) {
  const heapwatch::tests::TemporaryFolder folder;
  {
    const auto queue = opened(folder.path());
    for (std::uint32_t i = 1; i <= 5; ++i) {
      ASSERT_TRUE(queue->append(small_batch(i)));
    }
  }
  const auto file = folder.path() / "0000000000000001.batches";
  {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(148 + 60);  // in the message of the second
    stream.put('?');
    stream.seekp(3 * 148 + 10);  // in the head of the fourth
    stream.put('?');
  }
  const auto queue = opened(folder.path());
  EXPECT_EQ(drained(*queue), (std::vector<std::uint32_t>{1, 3, 5}));
  EXPECT_EQ(queue->lost().damaged_records, 1U);
  EXPECT_EQ(queue->lost().damaged_samples, 2U);
  EXPECT_EQ(queue->lost().damaged_bytes, 148U);
}

TEST(PushDiskQueue, AnyOrderOfUseKeepsWhatAQueueKeeps) {
  std::mt19937 random(11);
  for (int round = 0; round < 20; ++round) {
    const heapwatch::tests::TemporaryFolder folder;
    auto queue = opened(folder.path());
    std::deque<std::uint32_t> model;  // that were not taken
    std::vector<DiskQueue::Taken> taken;
    std::set<std::uint32_t> open;
    std::uint32_t next = 1;
    for (int step = 0; step < 400; ++step) {
      switch (random() % 8) {
        case 0:
        case 1:
        case 2:
          ASSERT_TRUE(queue->append(small_batch(next, random() % 6000)));
          model.push_back(next++);
          break;
        case 3:
        case 4:
          if (auto one = queue->take()) {
            ASSERT_EQ(one->batch.samples, model.front());
            model.pop_front();
            open.insert(one->batch.samples);
            taken.push_back(std::move(*one));
          } else {
            ASSERT_TRUE(model.empty() || taken.size() > 0);
          }
          break;
        case 5:
        case 6:
          if (!taken.empty()) {
            const std::size_t which = random() % taken.size();
            queue->done(taken[which].place);
            open.erase(taken[which].batch.samples);
            taken.erase(taken.begin() + static_cast<std::ptrdiff_t>(which));
          }
          break;
        default:
          if (random() % 6 == 0) {
            queue.reset();
            queue = opened(folder.path());
            model.insert(model.begin(), open.begin(), open.end());  // are taken again
            open.clear();
            taken.clear();
          }
          break;
      }
      ASSERT_EQ(queue->batches(), model.size());
    }
  }
}

/// Lines of the filler, until it is killed.
struct Told {
  std::set<std::uint32_t> kept;
  std::set<std::uint32_t> past;  // perhaps done
  std::set<std::uint32_t> done;
};

/// Starts the filler and kills it, at the latest after so many bytes of what it says.
void fill_and_kill(const std::filesystem::path& folder, std::uint32_t first, int seed,
                   std::size_t bytes, Told& told) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const std::string number = std::to_string(first);
  const std::string seed_text = std::to_string(seed);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::execl(HEAPWATCH_FILLER, HEAPWATCH_FILLER, folder.c_str(), number.c_str(), seed_text.c_str(),
            nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  std::string said;
  std::array<char, 4096> buffer{};
  bool is_killed = false;
  for (ssize_t got = 0; (got = ::read(ends[0], buffer.data(), buffer.size())) > 0;) {
    said.append(buffer.data(), static_cast<std::size_t>(got));
    if (!is_killed && said.size() >= bytes) {
      ::kill(child, SIGKILL);
      is_killed = true;
    }
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the filler ended by itself: " << status;
  for (std::size_t at = 0, end = 0; (end = said.find('\n', at)) != std::string::npos;
       at = end + 1) {
    const std::string line = said.substr(at, end - at);
    auto& which = line.starts_with("kept ")   ? told.kept
                  : line.starts_with("past ") ? told.past
                                              : told.done;
    which.insert(static_cast<std::uint32_t>(std::stoul(line.substr(5))));
  }
}

TEST(PushDiskQueue, AHundredKillsLoseNothingThatWasKeptAndBringBackNothingThatWasDone) {
  const heapwatch::tests::TemporaryFolder folder;
  std::mt19937 random(3);
  Told told;
  std::uint32_t first = 1;
  for (int round = 0; round < 100; ++round) {
    fill_and_kill(folder.path(), first, round, 200 + random() % 3000, told);
    if (::testing::Test::HasFatalFailure()) {
      return;
    }
    first = *told.kept.rbegin() + 1000;  // some may be kept that it could not tell of
  }
  const auto queue = opened(folder.path());
  const std::uint64_t waiting = queue->batches();
  std::vector<std::uint32_t> left;
  while (const auto taken = queue->take()) {
    left.push_back(taken->batch.samples);
    queue->done(taken->place);
  }
  EXPECT_EQ(left.size(), waiting);
  EXPECT_TRUE(std::is_sorted(left.begin(), left.end()));
  const std::set<std::uint32_t> there(left.begin(), left.end());
  EXPECT_EQ(there.size(), left.size());
  EXPECT_GT(told.done.size(), 100U);
  EXPECT_GT(told.kept.size(), 1000U);
  for (const std::uint32_t number : told.kept) {
    EXPECT_TRUE(there.contains(number) || told.past.contains(number)) << number;
  }
  for (const std::uint32_t number : told.done) {
    EXPECT_FALSE(there.contains(number)) << number;
  }
  EXPECT_EQ(queue->lost().damaged_records, 0U);
}

}  // namespace
}  // namespace heapwatch::exporters::push
