// The command line, as pprof reads it.
#include "pprof/driver/flags.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "pprof/go_number.h"

namespace heapwatch::pprof {
namespace {

using Args = std::vector<std::string>;

CommandLine parse(const Args& args, std::string* warnings = nullptr) {
  auto line = parse_command_line(args, [&](const std::string& text) {
    if (warnings != nullptr) {
      *warnings += text;
    }
  });
  EXPECT_TRUE(line.has_value()) << line.error().message;
  return std::move(*line);
}

std::string error_of_flags(const Args& args) {
  const auto line = parse_command_line(args, [](const std::string&) {});
  return line ? "none" : line.error().message;
}

TEST(Flags, TakesOneDashOrTwoAndValuesWithOrWithoutEquals) {
  const CommandLine line = parse({"--top", "-nodecount", "0x10", "--focus=a=b", "-cum=true",
                                  "-lines", "-trim=F", "-seconds=5", "a.pb.gz", "-not_a_flag"});
  EXPECT_EQ(line.format, Format::top);
  EXPECT_EQ(line.options.nodecount, 16);
  EXPECT_EQ(line.options.focus, "a=b");
  EXPECT_TRUE(line.options.sort_by_cum);
  EXPECT_EQ(line.options.granularity, Granularity::lines);
  EXPECT_FALSE(line.options.trim);
  EXPECT_EQ(line.seconds, 5);
  EXPECT_THAT(line.sources, testing::ElementsAre("a.pb.gz", "-not_a_flag"));
}

TEST(Flags, SaysThatFlagsComeFirst) {
  EXPECT_EQ(error_of_flags({"a.pb.gz", "-top"}),
            "the flag -top stands behind the source a.pb.gz; flags come first");
  EXPECT_EQ(error_of_flags({"-top", "a.pb.gz", "--nodecount=3"}),
            "the flag --nodecount=3 stands behind the source a.pb.gz; flags come first");
  EXPECT_EQ(error_of_flags({"--", "a.pb.gz", "-top"}), "none");
}

TEST(Flags, KnowsAllThatPprofKnows) {
  const CommandLine line =
      parse({"-symbolize=none", "-tools=x", "-no_browser", "-http=localhost:0", "-tls_cert=c",
             "-tls_key=k", "-tls_ca=a", "-buildid=b", "-timeout=3", "-add_comment=hi",
             "-all_frames", "-profile_bytes_max=1000", "x"});
  EXPECT_EQ(line.http, "localhost:0");
  EXPECT_TRUE(line.no_browser);
  EXPECT_EQ(line.tls.authority, "a");
  EXPECT_EQ(line.limits.bytes_max, 1000U);
  EXPECT_EQ(line.timeout_s, 3);
  EXPECT_EQ(parse({"-weblist=main", "x"}).pattern, "main");
  for (const FormatInfo& format : all_formats()) {
    const std::string flag = "-" + std::string(format.name) + (format.takes_pattern ? "=x" : "");
    EXPECT_EQ(parse({flag, "x"}).format, format.format) << flag;
    EXPECT_EQ(info_of(format.format).name, format.name);
  }
}

TEST(Flags, ChoosesTheValueByTheStrongestFlag) {
  std::string warnings;
  const CommandLine line = parse({"-top", "-inuse_space", "-mean_delay", "x"}, &warnings);
  EXPECT_EQ(line.options.sample_index, "delay");
  EXPECT_TRUE(line.options.mean);
  EXPECT_EQ(warnings, "Multiple value selections, ignoring -inuse_space");
}

TEST(Flags, SaysWhatIsWrong) {
  EXPECT_EQ(error_of_flags({"-tracs", "x"}),
            "flag provided but not defined: -tracs; did you mean \"traces\"?");
  EXPECT_EQ(error_of_flags({"-nodecount=many", "x"}),
            "invalid value \"many\" for flag -nodecount: parse error");
  EXPECT_EQ(error_of_flags({"-cum=perhaps", "x"}),
            "invalid boolean value \"perhaps\" for -cum: parse error");
  EXPECT_EQ(error_of_flags({"-focus"}), "flag needs an argument: -focus");
  EXPECT_EQ(error_of_flags({"-=1", "x"}), "bad flag syntax: -=1");
  EXPECT_EQ(error_of_flags({"-top"}), "no profile source specified");
  EXPECT_EQ(error_of_flags({"-top", "-tree", "x"}), "must set at most one output format");
  EXPECT_EQ(error_of_flags({"-top", "-http=:0", "x"}),
            "-http is not compatible with an output format on the command line");
  EXPECT_EQ(error_of_flags({"-lines", "-files", "x"}), "conflicting options set: [files lines]");
  EXPECT_EQ(error_of_flags({"-tls_cert=c", "x"}), "-tls_cert and -tls_key go together");
  EXPECT_EQ(error_of_flags({"-raw", "-json", "x"}),
            "-top, -tree and -peek have -json and -csv, -goroutines has -json; not -raw");
  EXPECT_EQ(error_of_flags({"-normalize", "x"}), "must have base profile to normalize by");
}

TEST(Flags, LeavesRoomForTheCallersOwn) {
  std::string header;
  const ExtraFlag extra[] = {
      {"header", false, "A header to send", [&](const std::string& value) -> base::Result<void> {
         header = value;
         return {};
       }}};
  const Args args = {"-header", "A: b", "x"};
  EXPECT_TRUE(parse_command_line(
                  args, [](const std::string&) {}, extra)
                  .has_value());
  EXPECT_EQ(header, "A: b");
  EXPECT_THAT(usage(extra), testing::HasSubstr("  -header=VALUE           A header to send\n"));
}

TEST(Options, AreReadAndToldByName) {
  ReportOptions options;
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"nodecount", "7"},
                                                        {"sort", "cum"},
                                                        {"granularity", "files"},
                                                        {"trim", "no"},
                                                        {"nodefraction", "0.25"},
                                                        {"focus", "a b"},
                                                        {"mean", ""}}) {
    ASSERT_TRUE(set_option(options, *find_option(name), value).has_value()) << name;
  }
  EXPECT_EQ(options.nodecount, 7);
  EXPECT_TRUE(options.sort_by_cum);
  EXPECT_EQ(options.granularity, Granularity::files);
  EXPECT_TRUE(options.mean);
  EXPECT_EQ(option_value(options, *find_option("trim")), "false");
  EXPECT_EQ(option_value(options, *find_option("nodefraction")), "0.25");
  EXPECT_EQ(option_value(options, *find_option("lines")), "files");
  EXPECT_EQ(find_option("none such"), nullptr);
}

TEST(Options, RefuseAValueInPprofsWords) {
  ReportOptions options;
  const auto refused = [&](const char* name, const char* value) {
    const auto set = set_option(options, *find_option(name), value);
    return set ? "none" : set.error().message;
  };
  EXPECT_EQ(refused("sort", "x"), "invalid \"sort\" value \"x\"");
  EXPECT_EQ(refused("nodecount", "x"), "strconv.Atoi: parsing \"x\": invalid syntax");
  EXPECT_EQ(refused("divide_by", "x"), "strconv.ParseFloat: parsing \"x\": invalid syntax");
  EXPECT_EQ(refused("trim", "x"), "illegal value \"x\" for bool variable trim");
}

TEST(GoNumber, ReadsWhatGoReads) {
  EXPECT_EQ(parse_go_integer("-0x1_f", 0), -31);
  EXPECT_EQ(parse_go_integer("0b101", 0), 5);
  EXPECT_EQ(parse_go_integer("017", 0), 15);
  EXPECT_EQ(parse_go_integer("+9223372036854775807", 10), 9223372036854775807);
  EXPECT_EQ(parse_go_integer("-9223372036854775808", 10), -9223372036854775807 - 1);
  for (const char* wrong : {"", "-", "1_", "_1", "1__2", "9223372036854775808", "1.5", "0x", "a"}) {
    EXPECT_EQ(parse_go_integer(wrong, 0), std::nullopt) << wrong;
  }
  EXPECT_EQ(parse_go_float("+1.5e3"), 1500);
  EXPECT_EQ(parse_go_float("-0x1p-2"), -0.25);
  EXPECT_EQ(parse_go_float("--1"), std::nullopt);
  EXPECT_EQ(parse_go_float("1x"), std::nullopt);
}

}  // namespace
}  // namespace heapwatch::pprof
