#include "expvar/page_fault.h"

#include <algorithm>
#include <array>
#include <string>

#include "expvar/page_walker.h"

namespace heapwatch::expvar {

std::string_view parse_error_text(rapidjson::ParseErrorCode code) {
  switch (code) {
    case rapidjson::kParseErrorDocumentRootNotSingular:
      return "there is something behind the end of the JSON";
    case rapidjson::kParseErrorObjectMissName:
      return "the name of a member is missing";
    case rapidjson::kParseErrorObjectMissColon:
      return "a colon is missing after the name of a member";
    case rapidjson::kParseErrorObjectMissCommaOrCurlyBracket:
      return "a comma or } is missing after a member";
    case rapidjson::kParseErrorArrayMissCommaOrSquareBracket:
      return "a comma or ] is missing after an element";
    case rapidjson::kParseErrorStringUnicodeEscapeInvalidHex:
    case rapidjson::kParseErrorStringUnicodeSurrogateInvalid:
    case rapidjson::kParseErrorStringEscapeInvalid:
      return "a string holds an invalid escape or a control character";
    case rapidjson::kParseErrorStringMissQuotationMark:
      return "a string has no end";
    default:
      return "this is not a JSON value";
  }
}

base::Result<void> check_beginning(std::string_view page) {
  if (page.size() > page_bytes_max) {
    return base::fail(base::ErrorKind::limit, "the page has " + std::to_string(page.size()) +
                                                  " bytes; the limit is " +
                                                  std::to_string(page_bytes_max));
  }
  if (page.starts_with("\xef\xbb\xbf") || page.starts_with("\xfe\xff") ||
      page.starts_with("\xff\xfe")) {
    return base::fail(base::ErrorKind::invalid,
                      "page line 1, column 1: the page begins with a byte order mark; JSON in "
                      "plain UTF-8 is expected");
  }
  if (page.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return base::fail(base::ErrorKind::invalid,
                      "page line 1, column 1: the page is empty; JSON is expected");
  }
  return {};
}

std::string_view with_article(JsonKind kind) {
  constexpr std::array<std::string_view, 6> words{"null", "a boolean", "a number",
                                                  "text", "an array",  "an object"};
  return words.at(static_cast<std::size_t>(kind));
}

std::string place_in_page(std::string_view page, std::size_t offset) {
  const std::string_view before = page.substr(0, offset);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::size_t column = before.size() - (before.rfind('\n') + 1) + 1;
  return "line " + std::to_string(lines + 1) + ", column " + std::to_string(column);
}

}  // namespace heapwatch::expvar
