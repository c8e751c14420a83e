#include "expvar/query.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>

#include <array>
#include <utility>

#include "expvar/missing_paths.h"
#include "expvar/page_walker.h"

namespace heapwatch::expvar {

namespace {

struct Writer : rapidjson::PrettyWriter<rapidjson::StringBuffer> {
  using PrettyWriter::PrettyWriter;
  // RapidJSON's own puts quotes around the number.
  // NOLINTNEXTLINE(readability-identifier-naming): RapidJSON calls it by this name
  bool RawNumber(const char* text, rapidjson::SizeType length, bool /*copy*/) {
    return RawValue(text, length, rapidjson::kNumberType);
  }
};

/// `json` has been walked, so it has no errors.
std::string indented(std::string_view json) {
  std::string text(json);
  rapidjson::InsituStringStream stream(text.data());
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.SetIndent(' ', 2);
  rapidjson::Reader reader;
  constexpr unsigned flags = rapidjson::kParseInsituFlag | rapidjson::kParseNumbersAsStringsFlag |
                             rapidjson::kParseNanAndInfFlag;
  reader.Parse<flags>(stream, writer);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

base::Result<std::vector<QueryMatch>> query(std::string_view page, const Path& path) {
  const Plan plan({{.path = path}});
  PageWalker walker;
  PageMatches matches;
  if (const auto walked = walker.walk(plan, page, matches); !walked) {
    return tl::unexpected(walked.error());
  }
  std::vector<QueryMatch> found;
  matches.for_each(TargetIndex{0}, [&](const Match& match) {
    found.push_back({.path = matches.path(match).text(),
                     .json = indented(walker.text().substr(match.begin, match.end - match.begin))});
  });
  if (found.empty()) {
    const std::array<const Path*, 1> paths{&path};
    return base::fail(base::ErrorKind::not_found, explain_missing(page, paths, walker).front());
  }
  return found;
}

}  // namespace heapwatch::expvar
