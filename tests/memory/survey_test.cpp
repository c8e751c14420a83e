#include "memory/survey.h"

#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "memory/json.h"
#include "memory/text.h"
#include "process/made_process.h"
#include "programs/heap_program.h"
#include "tests/testing/temporary_folder.h"

namespace heapwatch::memory {
namespace {

using heapwatch::tests::HeapProgram;
using heapwatch::tests::MadeProcess;

Survey sample() {
  MadeProcess process;
  process.map(0x10000, 0x14000, "r-xp", "/usr/bin/a", 5)
      .map(0x50000, 0x58000, "rw-p")
      .touch(0x10000, 0x12000, true)
      .touch(0x50000, 0x56000);
  process.recording().facts = {
      .pid = 12, .command = "a", .arguments = {"/usr/bin/a", "-x\x1b[2J"}, .threads = 1};
  for (auto& mapping : process.recording().mappings) {
    mapping.rss = mapping.begin == 0x10000 ? 0x2000 : 0x6000;
    mapping.pss = mapping.rss / 2;
  }
  Survey survey = survey_of(process.view());
  survey.time = {};
  survey.missing.push_back({"its memory", "Yama forbids it", "sudo heapwatch memory 12"});
  survey.checks.push_back({"glibc", false, "an arena was not walked"});
  return survey;
}

TEST(Survey, RowsAddUpToRss) {
  const Survey survey = sample();
  EXPECT_EQ(survey.rss, 0x8000U);
  EXPECT_EQ(survey.rss_uncertainty, 0U);
  EXPECT_EQ(survey.pss, 0x4000U);
  EXPECT_EQ(survey.bytes_of(Space::files), 0x2000U);
  EXPECT_EQ(survey.bytes_of(Space::unexplained), 0x6000U);
}

TEST(Survey, AProcessWhoseMappingsAreHiddenIsToldByTheKernelsCounters) {
  MadeProcess process;
  process.recording().facts = {
      .pid = 12, .command = "a", .vm_rss = 600, .rss_anon = 300, .rss_file = 200, .rss_shmem = 100};
  const Survey survey = survey_of(process.view());
  EXPECT_EQ(survey.rss, 600U);
  EXPECT_EQ(survey.bytes_of(Space::files), 200U);
  EXPECT_EQ(survey.bytes_of(Space::shared), 100U);
  EXPECT_EQ(survey.bytes_of(Space::unexplained), 300U);
  const std::string text = to_text(survey);
  EXPECT_THAT(text, ::testing::HasSubstr("\nunexplained "));
  EXPECT_THAT(text, ::testing::HasSubstr(
                        "\n  memory without a file: to split it, its mappings must be read\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("\nbeside RSS: swap 0 B\n"));
}

/// Resident and swapped bytes, and page faults so far, as the kernel counts them.
std::string footprint(int pid) {
  const auto rollup = process::read_rollup(pid);
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::array<std::string, 11> field;
  for (std::string& one : field) {
    fields >> one;
  }
  return std::to_string(rollup->rss) + " " + std::to_string(rollup->swap) + " " + field[7] + " " +
         field[9];
}

TEST(Survey, AHundredLooksLeaveRssSwapAndFaultsAsTheyWere) {
  const heapwatch::tests::HeapProgram program({"sizes", "2000", "3000"});
  const std::string before = footprint(program.pid());
  for (int look = 0; look < 100; ++look) {
    const auto seen = survey(program.pid(), {.types = true});
    ASSERT_TRUE(seen) << seen.error().message;
    ASSERT_EQ(seen->rss_uncertainty, 0U);
  }
  EXPECT_EQ(footprint(program.pid()), before);
}

TEST(SurveyText, IsATableWithSharesAndNotes) {
  EXPECT_EQ(to_text(sample()),
            "pid 12  /usr/bin/a -x?[2J\n"
            "RSS 32.0 K, 1 thread\n"
            "\n"
            "files                                                              8.00 K   25.0 %\n"
            "  mapped files: clean or shared                                    8.00 K   25.0 %  "
            "mapping\n"
            "unexplained                                                        24.0 K   75.0 %\n"
            "  50000-58000 rw-p                                                 24.0 K   75.0 %\n"
            "\n"
            "beside RSS: swap 0 B, PSS 16.0 K, in huge pages 0 B, free when the system needs it "
            "(LazyFree) 0 B\n"
            "not sure: glibc: an arena was not walked\n"
            "missing: its memory: Yama forbids it; try: sudo heapwatch memory 12\n");
}

TEST(SurveyText, WhereNoTypesWereFoundItSaysSo) {
  EXPECT_THAT(to_text(sample(), {.types = true}),
              ::testing::HasSubstr("\nlive objects by type: none of Python, and none of C++"));
  EXPECT_THAT(to_text(sample()), ::testing::Not(::testing::HasSubstr("live objects")));
}

TEST(SurveyText, WhatIsOfHugetlbfsOrTornIsSaid) {
  MadeProcess process;
  process.map(0x50000, 0x58000, "rw-p").touch(0x50000, 0x56000);
  process.recording().mappings[0].private_hugetlb = std::uint64_t{4} << 20;
  process.recording().mappings[0].shared_hugetlb = std::uint64_t{2} << 20;
  Survey survey = survey_of(process.view());
  survey.rows.push_back({.space = Space::native,
                         .owner = "glibc",
                         .state = State::live,
                         .bytes = 4096,
                         .blocks = 7,
                         .source = Source::walk,
                         .torn_bytes = 2048});
  const std::string text = to_text(survey);
  EXPECT_THAT(text, ::testing::HasSubstr(", in pages of hugetlbfs 6.00 M\n"));
  EXPECT_THAT(text,
              ::testing::ContainsRegex("glibc live .* 7 blocks  torn: may be off by 2.00 K\n"));
  const std::string json = to_json(survey, {.on_one_line = true});
  EXPECT_THAT(json, ::testing::ContainsRegex("\"hugetlb_bytes\": ?6291456"));
  EXPECT_THAT(json, ::testing::HasSubstr("torn: may be off by 2048 bytes"));
  EXPECT_THAT(json, ::testing::ContainsRegex("\"torn_bytes\": ?2048"));
}

TEST(SurveyText, SizesHaveThreeDigits) {
  EXPECT_EQ(size_text(0), "0 B");
  EXPECT_EQ(size_text(1023), "1023 B");
  EXPECT_EQ(size_text(1024), "1.00 K");
  EXPECT_EQ(size_text(37847245), "36.1 M");
  EXPECT_EQ(size_text(std::uint64_t{1023} * 1024 * 1024), "1.00 G");
}

TEST(SurveyJson, IsOneObjectOfTheDescribedForm) {
  EXPECT_EQ(to_json(sample()), R"({
  "schema": "heapwatch.memory/1",
  "pid": 12,
  "command": "a",
  "time": "1970-01-01T00:00:00Z",
  "rss_bytes": 32768,
  "rss_uncertainty_bytes": 0,
  "rows": [
    {
      "space": "files",
      "owner": "mapped files",
      "state": "mapped",
      "bytes": 8192,
      "blocks": null,
      "source": "mapping",
      "note": "clean or shared"
    },
    {
      "space": "unexplained",
      "owner": "",
      "state": "mapped",
      "bytes": 24576,
      "blocks": null,
      "source": "inferred",
      "note": "memory that no reader knows"
    }
  ],
  "unexplained": [
    {
      "begin": 327680,
      "end": 360448,
      "bytes": 24576,
      "protection": "rw-p",
      "name": ""
    }
  ],
  "missing": [
    {
      "what": "its memory",
      "why": "Yama forbids it",
      "remedy": "sudo heapwatch memory 12"
    }
  ],
  "allocators": [],
  "checks": [
    {
      "reader": "glibc",
      "ok": false,
      "note": "an arena was not walked"
    }
  ],
  "cgroup": null,
  "swap_bytes": 0,
  "pss_bytes": 16384,
  "huge_page_bytes": 0,
  "lazy_free_bytes": 0,
  "cost": {
    "cpu_ms": 0.0,
    "stopped_ms": 0.0
  }
}
)");
}

TEST(Survey, ReservedTerabytesCostLittleAndStayInTheSum) {
  const HeapProgram program({"reserved"});
  for (const auto way : {process::PagemapWay::best, process::PagemapWay::entries}) {
    const auto begin = std::chrono::steady_clock::now();
    const auto seen = survey(program.pid(), {}, {.pagemap = way});
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
    ASSERT_TRUE(seen) << seen.error().message;
    std::uint64_t sum = 0;
    for (const Row& row : seen->rows) {
      sum += row.bytes;
    }
    EXPECT_EQ(sum, seen->rss);
    EXPECT_EQ(seen->rss_uncertainty, 0U);
    if (way == process::PagemapWay::entries) {
      ASSERT_EQ(seen->missing.size(), 1U);
      EXPECT_EQ(seen->missing[0].remedy, "Linux 6.7 or later");
      EXPECT_THAT(seen->missing[0].what,
                  ::testing::MatchesRegex("the pages of [0-9]+ large mappings?"));
      EXPECT_GE(seen->bytes_of(Space::unexplained), 8U * process::page_bytes);
    }
  }
}

/// A /proc with one process, and Yama as it is in most distributions. In a process of our own the
/// system then refuses to read others' memory, as Yama does; its mappings are there to be read.
TEST(Survey, WhereYamaForbidsReadingTheRowsAreByMappingAndTheRemedyIsNamed) {
  const HeapProgram program({"area"});
  heapwatch::tests::TemporaryFolder folder;
  const std::string pid = std::to_string(program.pid());
  std::filesystem::create_directory_symlink("/proc/" + pid, folder / pid);
  folder.write("sys/kernel/yama/ptrace_scope", "1\n");
  const pid_t looker = fork();
  if (looker == 0) {
    std::array<sock_filter, 4> code{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog filter{.len = code.size(), .filter = code.data()};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
      _exit(9);
    }
    const auto seen = survey(program.pid(), {}, {.proc = folder.path()});
    const bool told =
        seen && seen->missing.size() == 1 &&
        seen->missing[0] == Missing{"its memory", "Yama forbids it (kernel.yama.ptrace_scope is 1)",
                                    "sudo heapwatch memory " + pid} &&
        seen->bytes_of(Space::files) > 0 && seen->bytes_of(Space::unexplained) > 2'000'000 &&
        std::none_of(seen->rows.begin(), seen->rows.end(),
                     [](const Row& row) { return row.owner == "glibc"; });
    if (seen && !told) {
      std::cerr << to_text(*seen);
    }
    _exit(told ? 0 : 1);
  }
  int status = 0;
  waitpid(looker, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace heapwatch::memory
