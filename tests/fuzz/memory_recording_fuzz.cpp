// A recording of a process from a stranger: refused, or read by every reader without harm.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "memory/process/recording.h"
#include "memory/survey.h"
#include "memory/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapwatch::memory;
  auto recording =
      process::parse_recording(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!recording) {
    return recording.error().message.empty() ? 1 : 0;
  }
  const auto view = process::view_of(*std::move(recording));
  const Survey survey = survey_of(view, {.types = true, .reach = true, .files = true});
  std::uint64_t sum = 0;
  for (const Row& row : survey.rows) {
    sum += row.bytes;
  }
  if (!view->mappings().empty() && sum != view->residency().total()) {
    std::abort();
  }
  return to_text(survey, {.types = true}).empty() ? 1 : 0;
}
