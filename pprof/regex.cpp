#include "pprof/regex.h"

#include <re2/re2.h>

namespace heapwatch::pprof {
namespace {

std::string_view fault(RE2::ErrorCode code) {
  switch (code) {
    case RE2::ErrorBadEscape:
      return "invalid escape sequence";
    case RE2::ErrorBadCharClass:
      return "invalid character class";
    case RE2::ErrorBadCharRange:
      return "invalid character class range";
    case RE2::ErrorMissingBracket:
      return "missing closing ]";
    case RE2::ErrorMissingParen:
      return "missing closing )";
    case RE2::ErrorUnexpectedParen:
      return "unexpected )";
    case RE2::ErrorTrailingBackslash:
      return "trailing backslash at end of expression";
    case RE2::ErrorRepeatArgument:
      return "missing argument to repetition operator";
    case RE2::ErrorRepeatSize:
      return "invalid repeat count";
    case RE2::ErrorRepeatOp:
      return "invalid nested repetition operator";
    case RE2::ErrorBadPerlOp:
      return "invalid or unsupported Perl syntax";
    case RE2::ErrorBadUTF8:
      return "invalid UTF-8";
    case RE2::ErrorBadNamedCapture:
      return "invalid named capture";
    case RE2::ErrorPatternTooLarge:
      return "expression too large";
    default:
      return "internal error";
  }
}

}  // namespace

base::Result<Regex> Regex::compile(std::string_view pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  auto compiled =
      std::make_shared<const RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!compiled->ok()) {
    std::string message = "error parsing regexp: " + std::string(fault(compiled->error_code()));
    if (compiled->error_code() != RE2::ErrorTrailingBackslash) {
      message += ": `" + compiled->error_arg() + "`";
    }
    return base::fail(base::ErrorKind::invalid, std::move(message));
  }
  return Regex(std::move(compiled));
}

bool Regex::matches(std::string_view text) const {
  return RE2::PartialMatch({text.data(), text.size()}, *compiled_);
}

bool TableMatcher::operator()(StringId id) {
  if (id >= known_.size()) {
    known_.resize(strings_->size());
  }
  Known& known = known_[id];
  if (known == Known::not_yet) {
    known = regex_->matches((*strings_)[id]) ? Known::yes : Known::no;
  }
  return known == Known::yes;
}

}  // namespace heapwatch::pprof
