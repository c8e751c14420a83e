// Tables for programs: JSON and CSV of top, tree and peek.
#include <gtest/gtest.h>

#include <string>

#include "pprof/make_report.h"

namespace heapwatch::pprof {
namespace {

/// main calls a "quoted, name", which is 3 of 4 bytes.
Profile two_functions() {
  Profile profile;
  const auto text = [&](const char* it) { return profile.strings.add(it); };
  profile.sample_types = {{text("space"), text("bytes")}};
  profile.samples.set_type_count(1);
  profile.functions = {{.id = 1, .name = text("main")}, {.id = 2, .name = text("a \"b\", c")}};
  profile.lines = {{.function = 0}, {.function = 1}};
  profile.locations = {{.id = 1, .first_line = 0, .line_count = 1},
                       {.id = 2, .first_line = 1, .line_count = 1}};
  const std::uint32_t deep[] = {1, 0};
  const std::int64_t three[] = {3072};
  const std::uint32_t shallow[] = {0};
  const std::int64_t one[] = {1024};
  profile.samples.append(deep, three, {});
  profile.samples.append(shallow, one, {});
  return profile;
}

std::string report(ReportKind kind, Encoding encoding) {
  ReportRequest request;
  request.kind = kind;
  request.encoding = encoding;
  request.pattern = kind == ReportKind::peek ? "main" : "";
  const auto text = make_report(two_functions(), request, {.warn = [](const std::string&) {}});
  return text ? *text : "error: " + text.error().message;
}

TEST(Table, TopAsCsvHasPlainNumbers) {
  EXPECT_EQ(report(ReportKind::text, Encoding::csv),
            "function,inline,flat (bytes),flat%,sum%,cum (bytes),cum%\r\n"
            "\"a \"\"b\"\", c\",,3072,75,75,3072,75\r\n"
            "main,,1024,25,100,4096,100\r\n");
}

TEST(Table, AFileHasOneRowWhateverFunctionsAreInIt) {
  Profile profile = two_functions();
  const StringId file = profile.strings.add("/src/main.go");
  profile.functions[0].file = profile.functions[1].file = file;
  profile.functions[0].start_line = 3;
  profile.functions[1].start_line = 30;
  ReportRequest request;
  request.kind = ReportKind::text;
  request.options.granularity = Granularity::files;
  request.options.compact_labels = true;
  const auto text = make_report(std::move(profile), request, {.warn = [](const std::string&) {}});
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text,
            "Showing nodes accounting for 4kB, 100% of 4kB total\n"
            "      flat  flat%   sum%        cum   cum%\n"
            "       4kB   100%   100%        4kB   100%  /src/main.go\n");
}

TEST(Table, TreeAsCsvTellsWhoCallsWhom) {
  EXPECT_EQ(report(ReportKind::tree, Encoding::csv),
            "node,role,function,inline,flat (bytes),flat%,sum%,cum (bytes),cum%\r\n"
            "\"a \"\"b\"\", c\",caller,main,,,,,3072,75\r\n"
            "\"a \"\"b\"\", c\",itself,\"a \"\"b\"\", c\",,3072,75,75,3072,75\r\n"
            "main,itself,main,,1024,25,100,4096,100\r\n"
            "main,callee,\"a \"\"b\"\", c\",,,,,3072,75\r\n");
}

TEST(Table, TopAsJsonHasNumbersAndTheirTexts) {
  EXPECT_EQ(report(ReportKind::text, Encoding::json),
            R"({"labels":["Type: space","Showing nodes accounting for 4kB, 100% of 4kB total"],)"
            R"("type":"space","unit":"bytes","total":4096,"total_text":"4kB","rows":[)"
            R"({"name":"a \"b\", c","inline":"","flat":3072,"flat_text":"3kB","flat_percent":75,)"
            R"("sum_percent":75,"cum":3072,"cum_text":"3kB","cum_percent":75},)"
            R"({"name":"main","inline":"","flat":1024,"flat_text":"1kB","flat_percent":25,)"
            R"("sum_percent":100,"cum":4096,"cum_text":"4kB","cum_percent":100}]})"
            "\n");
}

TEST(Table, PeekAsJsonHasTheCallsOfWhatMatches) {
  EXPECT_EQ(report(ReportKind::peek, Encoding::json),
            R"({"labels":["Type: space","Showing nodes accounting for 4kB, 100% of 4kB total"],)"
            R"("type":"space","unit":"bytes","total":4096,"total_text":"4kB","rows":[)"
            R"({"name":"main","inline":"","flat":1024,"flat_text":"1kB","flat_percent":25,)"
            R"("sum_percent":25,"cum":4096,"cum_text":"4kB","cum_percent":100,"callers":[],)"
            R"("callees":[{"name":"a \"b\", c","value":3072,"text":"3kB","inline":false,)"
            R"("residual":false}]}]})"
            "\n");
}

TEST(Table, OtherReportsAreOnlyText) {
  EXPECT_EQ(report(ReportKind::raw, Encoding::json),
            "error: this kind of report is only written as text");
}

}  // namespace
}  // namespace heapwatch::pprof
