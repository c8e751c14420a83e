#include "memory/survey.h"

#include <gmock/gmock.h>

#include <array>
#include <fstream>
#include <sstream>

#include "memory/json.h"
#include "memory/text.h"
#include "process/made_process.h"
#include "programs/heap_program.h"

namespace heapwatch::memory {
namespace {

using heapwatch::testing::MadeProcess;

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
  const heapwatch::testing::HeapProgram program({"sizes", "2000", "3000"});
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

}  // namespace
}  // namespace heapwatch::memory
