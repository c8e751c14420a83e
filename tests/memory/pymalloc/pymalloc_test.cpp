#include "memory/pymalloc/pymalloc.h"

#include <gmock/gmock.h>

#include <map>

#include "../../testing/subprocess.h"
#include "memory/process/live.h"
#include "memory/readers.h"

namespace heapwatch::memory::pymalloc {
namespace {

using heapwatch::tests::Subprocess;
using ::testing::StartsWith;

/// Debian's Python with a script, and what sys._debugmallocstats() said in it.
class PythonProgram {
 public:
  explicit PythonProgram(const std::vector<std::string>& arguments = {})
      : process_(with(arguments)) {
    for (std::string line = process_.read_line(); line != "ready"; line = process_.read_line()) {
      const std::size_t equals = line.find('=');
      if (equals != line.npos && line.find('*') == line.npos) {
        std::string name = line.substr(0, equals);
        name.erase(name.find_last_not_of(' ') + 1);
        values_[name] = number_in(line.substr(equals + 1));
      } else if (line.find("unused pools") != line.npos) {
        values_["unused pools"] = std::stoull(line);
      }
    }
  }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }
  [[nodiscard]] std::uint64_t operator[](const std::string& name) const { return values_.at(name); }

 private:
  static std::vector<std::string> with(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {PYTHON_PROGRAM, PYTHON_SCRIPTS "/python_heap.py"});
    return arguments;
  }
  static std::uint64_t number_in(const std::string& text) {
    std::string digits;
    for (const char c : text) {
      if (c >= '0' && c <= '9') {
        digits += c;
      }
    }
    return digits.empty() ? 0 : std::stoull(digits);
  }

  Subprocess process_;
  std::map<std::string, std::uint64_t> values_;
};

TEST(Pymalloc, CountsWhatPythonCountsToTheByte) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{}, std::vector<std::string>{"thread"}}) {
    const PythonProgram program(arguments);
    const auto sighting = process::look_at(program.pid());
    ASSERT_TRUE(sighting) << sighting.error().message;
    const Picture nothing_claimed(sighting->view);
    const auto arenas = read_arenas({*sighting->view, nothing_claimed, {}});
    ASSERT_TRUE(arenas);
    EXPECT_TRUE(arenas->strays.empty());
    const Totals totals = totals_of(*arenas);
    EXPECT_EQ(totals.arenas, program["# arenas allocated current"]);
    EXPECT_EQ(totals.live_bytes, program["# bytes in allocated blocks"]);
    EXPECT_EQ(totals.free_bytes, program["# bytes in available blocks"]);
    EXPECT_EQ(totals.free_pools, program["unused pools"]);
    EXPECT_EQ(totals.header_bytes, program["# bytes lost to pool headers"]);
    EXPECT_EQ(totals.rounding_bytes, program["# bytes lost to quantization"]);
    EXPECT_EQ(totals.alignment_bytes, program["# bytes lost to arena alignment"]);
  }
}

TEST(Pymalloc, HasItsRowsInThePicture) {
  const PythonProgram program;
  const auto sighting = process::look_at(program.pid());
  ASSERT_TRUE(sighting) << sighting.error().message;
  const Picture picture = picture_of(sighting->view);
  std::map<std::string, std::uint64_t> python;
  std::uint64_t all = 0;
  for (const Row& row : picture.rows()) {
    all += row.bytes;
    if (row.owner == "pymalloc") {
      python[std::string(name_of(row.state)) + " " + row.detail] += row.bytes;
    }
  }
  EXPECT_EQ(all, sighting->view->residency().total());
  EXPECT_EQ(python["live "], program["# bytes in allocated blocks"]);
  EXPECT_GT(python["held free in pools"], 0U);
  EXPECT_EQ(python["overhead headers and rounding of pools"],
            program["# bytes lost to pool headers"] + program["# bytes lost to quantization"]);
  for (const AllocatorReport& report : picture.allocators()) {
    if (report.name == "pymalloc") {
      EXPECT_THAT(report.version, StartsWith("3."));
      EXPECT_FALSE(report.sizes.empty());
    }
  }
  for (const Check& check : picture.checks()) {
    EXPECT_TRUE(check.ok) << check.reader << ": " << check.note;
  }
}

TEST(Pymalloc, CountsObjectsByTypeAsTheProgramDoes) {
  const PythonProgram program;
  const auto sighting = process::look_at(program.pid());
  ASSERT_TRUE(sighting) << sighting.error().message;
  const Picture picture = picture_of(sighting->view, {.types = true});
  std::map<std::string, TypeCount> types;
  std::uint64_t python = 0;
  for (const TypeCount& type : picture.types()) {
    if (type.space == Space::python) {
      types[type.name] = type;
      python += type.objects;
    }
  }
  EXPECT_EQ(types["Sample"].objects, program["of type Sample"]);
  EXPECT_EQ(types["Slotted"].objects, 777U);
  // The interpreter's own modules have a few.
  EXPECT_GE(types["object"].objects, 100'000U - 14'286);
  EXPECT_LE(types["object"].objects, 100'000U - 14'286 + 20);
  // The collector does not know the containers that can be in no cycle.
  for (const std::string name : {"list", "dict"}) {
    EXPECT_GE(types[name].objects, program["of type " + name] - 5) << name;
    EXPECT_LE(types[name].objects, program["of type " + name] * 102 / 100) << name;
  }
  // Each of 30,000 dicts has its keys, in a block of its own.
  EXPECT_GT(types["dict"].bytes, types["dict"].objects * (64 + 100));
  EXPECT_LT(types["(blocks without an object)"].objects, python / 25);
}

}  // namespace
}  // namespace heapwatch::memory::pymalloc
