#include "pprof/report/shorten.h"

#include <re2/re2.h>

namespace heapwatch::pprof {

std::string shortened_name(std::string_view name) {
  static const RE2 anonymous(R"(^\(anonymous namespace\)::)");
  static const RE2 go_version(R"(^(.*?)/v(?:[2-9]|[1-9][0-9]+)([./].*)$)");
  static const RE2 go(R"(^(?:[\w\-\.]+\/)+(.+))");
  static const RE2 java(
      R"(^(?:[a-z]\w*\.)*([A-Z][\w\$]*\.(?:<init>|[a-z][\w\$]*(?:\$\d+)?))(?:(?:\()|$))");
  static const RE2 cpp(R"(^(?:[_a-zA-Z]\w*::)+(_*[A-Z]\w*::~?[_a-zA-Z]\w*(?:<.*>)?))");
  std::string text(name);
  RE2::Replace(&text, anonymous, "");
  RE2::Replace(&text, go_version, R"(\1\2)");
  for (const RE2* pattern : {&go, &java, &cpp}) {
    std::string kept;
    if (RE2::PartialMatch(text, *pattern, &kept)) {
      return kept;
    }
  }
  return text;
}

}  // namespace heapwatch::pprof
