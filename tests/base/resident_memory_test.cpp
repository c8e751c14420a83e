#include "base/resident_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace heapwatch::base {
namespace {

constexpr std::size_t file_bytes = std::size_t{64} * 4096;

/// A mapping of a file of its own, private to this process.
class MappedFile {
 public:
  MappedFile() {
    std::array<char, 32> name{"/tmp/resident_memory.XXXXXX"};
    const int descriptor = mkstemp(name.data());
    unlink(name.data());
    const std::string content(file_bytes, 'f');
    EXPECT_EQ(write(descriptor, content.data(), content.size()), std::int64_t{file_bytes});
    at_ = static_cast<char*>(
        mmap(nullptr, file_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0));
    close(descriptor);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() { munmap(at_, file_bytes); }

  void seal() { ASSERT_EQ(mprotect(at_, file_bytes, PROT_READ), 0); }
  [[nodiscard]] char* data() const { return at_; }
  [[nodiscard]] std::string_view bytes() const { return {at_, file_bytes}; }

  [[nodiscard]] std::size_t resident_kib() const {
    std::ifstream smaps("/proc/self/smaps");
    const auto begin = reinterpret_cast<std::uintptr_t>(at_);
    bool here = false;
    for (std::string line; std::getline(smaps, line);) {
      std::uintptr_t from = 0;
      std::uintptr_t to = 0;
      if (std::sscanf(line.c_str(), "%lx-%lx ", &from, &to) == 2) {
        here = from <= begin && begin < to;
      } else if (here && line.starts_with("Rss:")) {
        return std::stoul(line.substr(4));
      }
    }
    return 0;
  }

 private:
  char* at_;
};

TEST(ResidentMemory, GivesBackPagesOfFilesAndReadsThemAgain) {
  MappedFile file;
  file.seal();
  ASSERT_EQ(std::count(file.bytes().begin(), file.bytes().end(), 'f'), std::int64_t{file_bytes});
  ASSERT_EQ(file.resident_kib(), file_bytes / 1024);
  EXPECT_GE(release_unused_memory(), file_bytes);
  EXPECT_EQ(file.resident_kib(), 0U);
  EXPECT_EQ(std::count(file.bytes().begin(), file.bytes().end(), 'f'), std::int64_t{file_bytes});
}

TEST(ResidentMemory, KeepsWhatWasWrittenToBeforeAMappingBecameReadOnly) {
  MappedFile file;
  file.data()[5000] = 'w';
  file.seal();
  (void)release_unused_memory();
  EXPECT_EQ(file.data()[5000], 'w');
}

TEST(ResidentMemory, KeepsMappingsThatCanBeWritten) {
  const MappedFile file;
  file.data()[1] = 'w';
  (void)release_unused_memory();
  EXPECT_EQ(file.data()[1], 'w');
  EXPECT_EQ(file.data()[0], 'f');
}

}  // namespace
}  // namespace heapwatch::base
