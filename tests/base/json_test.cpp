#include "base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace heapwatch::base {
namespace {

std::string json_text(std::string_view text, JsonEscapes escapes) {
  std::string out;
  append_json_text(out, text, escapes);
  return out;
}

template <typename Write>
std::string written(const Write& write, JsonStyle style = {}) {
  std::string out;
  JsonWriter json(out, style);
  write(json);
  return out;
}

TEST(JsonText, EscapesWhatJsonDoesNotTake) {
  EXPECT_EQ(json_text("a\"\\\b\f\n\r\t\x01\x1f\x7f</b>& \xc3\xbc", JsonEscapes::needed),
            "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\x7f</b>& \xc3\xbc\"");
}

TEST(JsonText, CanStandInAScript) {
  EXPECT_EQ(json_text("a\"\\\n\t\x01</b> ü", JsonEscapes::script),
            R"("a\"\\\n\t\u0001\u003c/b> ü")");
}

TEST(JsonText, CanStandAnywhereInAPage) {
  EXPECT_EQ(json_text("a\"b\\c\n\t<&>\x7f\xc3\xa9", JsonEscapes::page),
            "\"a\\\"b\\\\c\\u000a\\u0009\\u003c\\u0026\\u003e\\u007f\xc3\xa9\"");
}

TEST(JsonText, HasAReplacementForWhatIsNoUtf8) {
  for (const JsonEscapes escapes : {JsonEscapes::needed, JsonEscapes::script, JsonEscapes::page}) {
    EXPECT_EQ(json_text("\xff\xc3(", escapes), R"("\ufffd\ufffd(")");
    EXPECT_EQ(json_text("\xed\xa0\x80", escapes), R"("\ufffd\ufffd\ufffd")");
    EXPECT_EQ(json_text("\xc3", escapes), R"("\ufffd")");
  }
}

TEST(JsonWriter, PutsCommasBetweenValues) {
  const auto write = [](JsonWriter& json) {
    json.begin_object();
    json.member("a", 1);
    json.key("b");
    json.begin_array();
    json.end_array();
    json.key("c");
    json.begin_array();
    json.begin_object();
    json.end_object();
    json.null();
    json.raw("[0]");
    json.end_array();
    json.member("d", std::vector<std::string>{"x", "y"});
    json.end_object();
  };
  EXPECT_EQ(written(write), R"({"a":1,"b":[],"c":[{},null,[0]],"d":["x","y"]})");
  EXPECT_EQ(written(write, {.indent = 2}), R"({
  "a": 1,
  "b": [],
  "c": [
    {},
    null,
    [0]
  ],
  "d": [
    "x",
    "y"
  ]
})");
}

TEST(JsonWriter, WritesEachKindOfMember) {
  EXPECT_EQ(written([](JsonWriter& json) {
              json.begin_object();
              json.member("text", "a");
              json.member("string", std::string("b"));
              json.member("view", std::string_view("c"));
              json.member("true", true);
              json.member("least", std::numeric_limits<std::int64_t>::min());
              json.member("most", std::numeric_limits<std::uint64_t>::max());
              json.member("share", 0.1);
              json.end_object();
            }),
            R"({"text":"a","string":"b","view":"c","true":true,"least":-9223372036854775808,)"
            R"("most":18446744073709551615,"share":0.1})");
}

TEST(JsonWriter, HasNullForWhatJsonHasNoNumberFor) {
  EXPECT_EQ(written([](JsonWriter& json) {
              json.begin_array();
              json.number(std::nan(""));
              json.real(std::numeric_limits<double>::infinity());
              json.end_array();
            }),
            "[null,null]");
}

TEST(JsonWriter, TellsRealNumbersFromIntegers) {
  EXPECT_EQ(written([](JsonWriter& json) {
              json.begin_array();
              for (const double value : {0.0, -3.0, 1795434611.25, 1e20, 1e21, 0.000001, 1e-7}) {
                json.real(value);
              }
              json.end_array();
            }),
            "[0.0,-3.0,1795434611.25,100000000000000000000.0,1e+21,0.000001,1e-07]");
}

TEST(JsonWriter, LetsACallerTakeWhatIsThereBetweenTwoValues) {
  std::string out;
  std::string sent;
  JsonWriter json(out, {.indent = 1});
  const auto send = [&] {
    sent += out;
    out.clear();
  };
  json.begin_array();
  send();
  for (int i = 0; i < 3; ++i) {
    json.number(i);
    send();
  }
  json.end_array();
  send();
  EXPECT_EQ(sent, "[\n 0,\n 1,\n 2\n]");
}

}  // namespace
}  // namespace heapwatch::base
