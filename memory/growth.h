// What grew between two looks at a process: by row and by size of block.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "memory/survey.h"

namespace heapwatch::memory {

/// Live blocks of one size, of one allocator.
struct OwnedSize {
  std::string owner;
  SizeCount count;
};

/// What of a survey is compared. Either a survey, or the file that `--json` made of one.
struct Reference {
  int pid = 0;
  std::string command;
  std::chrono::system_clock::time_point time;
  std::uint64_t rss = 0;
  std::vector<Row> rows;
  std::vector<OwnedSize> sizes;
  std::vector<TypeCount> types;
};

[[nodiscard]] Reference reference_of(const Survey& survey);

inline constexpr std::size_t reference_bytes_max = std::size_t{64} << 20;
/// Reads what to_json wrote. Errors: invalid, naming what is not as it should be.
[[nodiscard]] base::Result<Reference> parse_reference(std::string_view json);

struct Change {
  std::string name;
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  std::int64_t objects = 0;  // how many more; 0 for rows without a count
  [[nodiscard]] std::int64_t bytes() const { return static_cast<std::int64_t>(after - before); }
};

/// Units: bytes. Each list has the largest growth first and leaves out what stayed as it was.
struct Growth {
  std::chrono::duration<double> span{0};
  std::int64_t rss = 0;
  std::vector<Change> spaces;
  std::vector<Change> rows;
  std::vector<Change> sizes;
  std::vector<Change> types;
};

[[nodiscard]] Growth growth_between(const Reference& before, const Reference& after);

struct GrowthTextOptions {
  std::size_t sizes = 10;
  std::size_t types = 20;
};
/// "+1.20 M"; then a line for each change, with its rate when the looks are a second apart or more.
[[nodiscard]] std::string to_text(const Growth& growth, const GrowthTextOptions& options = {});

}  // namespace heapwatch::memory
