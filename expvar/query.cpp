#include "expvar/query.h"

#include <rapidjson/reader.h>

#include <array>
#include <utility>

#include "base/json.h"
#include "expvar/missing_paths.h"
#include "expvar/page_walker.h"

namespace heapwatch::expvar {

namespace {

// NOLINTBEGIN(readability-identifier-naming): RapidJSON calls them by these names
/// Writes what a reader finds.
struct Indenter : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Indenter> {
  explicit Indenter(std::string& out) : json(out, {.indent = 2}) {}

  bool Null() {
    json.null();
    return true;
  }
  bool Bool(bool value) {
    json.boolean(value);
    return true;
  }
  bool RawNumber(const char* text, rapidjson::SizeType length, bool /*copy*/) {
    json.raw({text, length});
    return true;
  }
  bool String(const char* text, rapidjson::SizeType length, bool /*copy*/) {
    json.text({text, length});
    return true;
  }
  bool Key(const char* text, rapidjson::SizeType length, bool /*copy*/) {
    json.key({text, length});
    return true;
  }
  bool StartObject() {
    json.begin_object();
    return true;
  }
  bool EndObject(rapidjson::SizeType /*members*/) {
    json.end_object();
    return true;
  }
  bool StartArray() {
    json.begin_array();
    return true;
  }
  bool EndArray(rapidjson::SizeType /*elements*/) {
    json.end_array();
    return true;
  }

  base::JsonWriter json;
};
// NOLINTEND(readability-identifier-naming)

/// `json` has been walked, so it has no errors.
std::string indented(std::string_view json) {
  std::string text(json);
  rapidjson::InsituStringStream stream(text.data());
  std::string out;
  Indenter indenter(out);
  rapidjson::Reader reader;
  constexpr unsigned flags = rapidjson::kParseInsituFlag | rapidjson::kParseNumbersAsStringsFlag |
                             rapidjson::kParseNanAndInfFlag;
  reader.Parse<flags>(stream, indenter);
  return out;
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
  matches.for_each(WantedIndex{0}, [&](const Match& match) {
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
