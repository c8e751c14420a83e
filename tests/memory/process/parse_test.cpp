#include "memory/process/parse.h"

#include <gtest/gtest.h>

namespace heapwatch::memory::process {
namespace {

TEST(Parse, ReadsAMappingWithItsSizes) {
  const auto mappings = parse_smaps(
      "55d0c0a00000-55d0c0a21000 rw-p 00001000 fe:01 1234                       /usr/bin/a b\n"
      "Size:                132 kB\nRss:                  12 kB\nPss:                   6 kB\n"
      "Anonymous:             8 kB\nLazyFree:              4 kB\nSwap:                 16 kB\n"
      "AnonHugePages:         0 kB\nVmFlags: rd wr mr mw me ac sd \n"
      "Shared_Hugetlb:        0 kB\nPrivate_Hugetlb:    2048 kB\n"
      "7ffd00000000-7ffd00002000 r--p 00000000 00:00 0                          [vvar]\n"
      "Rss:                   0 kB\nVmFlags: rd mr pf io de dd sd \n");
  ASSERT_EQ(mappings.size(), 2U);
  EXPECT_EQ(mappings[0], (Mapping{.begin = 0x55d0c0a00000,
                                  .end = 0x55d0c0a21000,
                                  .readable = true,
                                  .writable = true,
                                  .offset = 0x1000,
                                  .inode = 1234,
                                  .device = "fe:01",
                                  .name = "/usr/bin/a b",
                                  .rss = 12288,
                                  .pss = 6144,
                                  .swap = 16384,
                                  .anonymous = 8192,
                                  .lazy_free = 4096,
                                  .private_hugetlb = 2 << 20}));
  EXPECT_TRUE(mappings[1].outside_rss);
}

TEST(Parse, PassesOverLinesThatAreNoMapping) {
  EXPECT_TRUE(
      parse_smaps("\n\nRss: 1 kB\nz-y\n2000-1000 rw-p 0 0:0 0\n1000-2000 rw 0 0:0 0\n").empty());
  // Out of order, as no kernel writes it: the first stands.
  EXPECT_EQ(parse_smaps("2000-3000 rw-p 0 00:00 0\n1000-2000 rw-p 0 00:00 0\n").size(), 1U);
}

TEST(Parse, ReadsTheStatusOfAProcess) {
  Facts facts;
  read_status(
      "Name:\tmy (prog\nTracerPid:\t12\nUid:\t1000\t1000\t1000\t1000\nVmRSS:\t  2048 kB\n"
      "RssAnon:\t 1024 kB\nRssFile:\t 1000 kB\nRssShmem:\t 24 kB\nVmSwap:\t 4 kB\n"
      "Threads:\t3\nSeccomp:\t2\n",
      facts);
  EXPECT_EQ(facts, (Facts{.command = "my (prog",
                          .uid = 1000,
                          .tracer = 12,
                          .seccomp = 2,
                          .threads = 3,
                          .vm_rss = 2097152,
                          .rss_anon = 1048576,
                          .rss_file = 1024000,
                          .rss_shmem = 24576,
                          .vm_swap = 4096}));
}

TEST(Parse, FindsTheIdentityBehindANameWithParentheses) {
  const auto identity = parse_stat(
      "12 (a) b (c) S 1 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 777 10 20 30 40 50 60 0");
  ASSERT_TRUE(identity);
  EXPECT_EQ(*identity, (Identity{.start_ticks = 777, .code = 40, .stack = 60}));
  EXPECT_FALSE(parse_stat("nothing"));
  EXPECT_FALSE(parse_stat("1 (a) S 1"));
}

TEST(Parse, FindsTheStackPointerOfAWaitingThread) {
  EXPECT_EQ(parse_syscall("0 0x3 0x7ffd 0x400 0x0 0x0 0x0 0x7ffd12345678 0x7f00\n"),
            0x7ffd12345678U);
  EXPECT_EQ(parse_syscall("-1 0x7ffd12345678 0x7f00\n"), 0x7ffd12345678U);
  EXPECT_EQ(parse_syscall("running\n"), std::nullopt);
  EXPECT_EQ(parse_syscall(""), std::nullopt);
}

}  // namespace
}  // namespace heapwatch::memory::process
