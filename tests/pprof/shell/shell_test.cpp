#include "pprof/shell/shell.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/pprof/small_profile.h"

namespace heapwatch::pprof::shell {
namespace {

using testing::ElementsAre;

class ShellTest : public testing::Test {
 protected:
  /// What is written to `out` for these lines, which are executed one after the other.
  std::string said(std::initializer_list<const char*> lines) {
    out_.str("");
    err_.str("");
    for (const char* line : lines) {
      EXPECT_TRUE(shell_.execute(line)) << line;
    }
    return out_.str();
  }
  std::string told(std::initializer_list<const char*> lines) {
    (void)said(lines);
    return err_.str();
  }

  Session session_ = small_session();
  CommandLine line_;
  Seams seams_;
  std::ostringstream out_;
  std::ostringstream err_;
  Shell shell_{line_, session_, {out_, err_, seams_}};
};

TEST_F(ShellTest, GreetsWithTheProfileAndHowToGoOn) {
  shell_.greet();
  EXPECT_EQ(err_.str(),
            "Type: inuse_space\n"
            "Entering interactive mode (type \"help\" for commands, \"o\" for options)\n");
  EXPECT_EQ(out_.str(), "");
}

TEST_F(ShellTest, TakesANumberBehindOrBesideACommand) {
  const std::string top =
      "Showing nodes accounting for 3072B, 75.00% of 4096B total\n"
      "Showing top 1 nodes out of 4\n"
      "      flat  flat%   sum%        cum   cum%\n"
      "     3072B 75.00% 75.00%      3072B 75.00%  example.com/kit/store.(*Map).grow\n";
  EXPECT_EQ(said({"unit=B", "top1"}), top);
  EXPECT_EQ(said({"top 1"}), top);
  EXPECT_EQ(said({"  text 1  "}), top);
}

TEST_F(ShellTest, TakesAChoiceOfAGroupAsASwitch) {
  EXPECT_EQ(told({"lines=true"}), "");
  EXPECT_THAT(said({"top1"}), testing::EndsWith("(*Map).grow /src/kit/store/map.go:7\n"));
  EXPECT_EQ(told({" cum = 1 ", "functions=yes"}), "");
  EXPECT_THAT(said({"top1"}), testing::EndsWith(" main.main\n"));
  EXPECT_EQ(told({"lines=false"}),
            "lines is one of the choices of granularity, which another one replaces\n");
  EXPECT_EQ(told({"lines=maybe"}), told({"call_tree=maybe"}));
}

TEST_F(ShellTest, SortsByCumForOneCommandOnly) {
  EXPECT_THAT(said({"top1 -cum"}), testing::EndsWith("main.main\n"));
  EXPECT_THAT(said({"top1 --cum"}), testing::EndsWith("main.main\n"));
  EXPECT_THAT(said({"top1"}), testing::EndsWith("grow\n"));
  EXPECT_THAT(said({"cum", "top1"}), testing::EndsWith("main.main\n"));
}

TEST_F(ShellTest, ChoosesSampleTypesByTheirNames) {
  EXPECT_THAT(said({"alloc_space", "top1"}), testing::EndsWith("main.spent\n"));
  EXPECT_THAT(said({"sample_index = inuse_space", "top1"}), testing::EndsWith("grow\n"));
  EXPECT_THAT(said({"sample_index=1", "top1"}), testing::EndsWith("main.spent\n"));
  EXPECT_EQ(told({"sample_index=foo"}),
            "sample_index \"foo\" must be one of: [alloc_objects alloc_space inuse_objects "
            "inuse_space]\n");
  EXPECT_THAT(said({"mean_inuse_space", "unit=B", "top1"}), testing::HasSubstr(" 1536B"));
  EXPECT_THAT(said({"total_inuse_space", "top1"}), testing::HasSubstr(" 3072B"));
}

TEST_F(ShellTest, TakesExpressionsBehindACommand) {
  EXPECT_THAT(said({"top leaf"}), testing::HasSubstr("   focus=leaf\n"));
  EXPECT_THAT(said({"top leaf grow -middle"}),
              testing::HasSubstr("   focus=leaf|grow\n   ignore=middle\n"));
  EXPECT_THAT(said({"top"}), testing::Not(testing::HasSubstr("focus")));
  EXPECT_THAT(said({"focus=leaf", "top"}), testing::HasSubstr("   focus=leaf\n"));
  EXPECT_THAT(said({":", "top"}), testing::Not(testing::HasSubstr("focus")));
}

TEST_F(ShellTest, SaysWhatItDoesNotTake) {
  EXPECT_EQ(told({"foo"}), "unrecognized command: \"foo\"\n");
  EXPECT_EQ(told({"foo12"}), "unrecognized command: \"foo\"\n");
  EXPECT_EQ(told({"peek"}), "command peek requires an argument\n");
  EXPECT_EQ(told({"nodecount 5"}), "did you mean: nodecount=5\n");
  EXPECT_EQ(told({"focus"}), "please specify a value, e.g. focus=<val>\n");
  EXPECT_EQ(told({"sort=x"}), "invalid \"sort\" value \"x\"\n");
  EXPECT_EQ(told({"nodecount=q"}), "strconv.Atoi: parsing \"q\": invalid syntax\n");
  EXPECT_EQ(told({"top >"}), "unexpected end of line after >\n");
  EXPECT_EQ(told({"svg"}), "this program makes no svg\n");
  EXPECT_EQ(told({"top (", "top"}),
            "parsing focus regexp: error parsing regexp: missing closing ): `(`\n");
  EXPECT_EQ(told({"help nothing"}), "Unknown command: nothing\n");
}

TEST_F(ShellTest, WritesReportsToFiles) {
  const std::string path = testing::TempDir() + "/shell_test_" + std::to_string(getpid());
  EXPECT_EQ(said({("top1 >" + path).c_str()}), "");
  EXPECT_EQ(err_.str(), "Generating report in " + path + "\n");
  EXPECT_EQ(told({("tree > " + path).c_str()}), "Generating report in " + path + "\n");
  std::ifstream file(path);
  std::string first;
  std::getline(file, first);
  EXPECT_EQ(first, "Showing nodes accounting for 4kB, 100% of 4kB total");
  std::filesystem::remove(path);
}

TEST_F(ShellTest, HandsOnWhatIsNoReportOfTheLibrary) {
  seams_.other = [](const CommandLine& line, const Session&) -> base::Result<std::string> {
    return std::string("drawn: ") + std::string(info_of(*line.format).name) + " " +
           line.options.focus;
  };
  Shell shell(line_, session_, {out_, err_, seams_});
  const std::string path = testing::TempDir() + "/shell_test_svg_" + std::to_string(getpid());
  EXPECT_TRUE(shell.execute("svg leaf >" + path));
  std::ifstream file(path);
  std::string content;
  std::getline(file, content);
  EXPECT_EQ(content, "drawn: svg leaf");
  std::filesystem::remove(path);
}

TEST_F(ShellTest, ListsOptionsWithTheirValuesAndChoices) {
  const std::string options = told({"nodecount=7 //: as many as on a hand", "lines", "o"});
  for (const char* line :
       {"  nodecount                 = 7                    \n",
        "  granularity               = lines                //: [addresses | filefunctions | files "
        "| functions | lines]\n",
        "  sort                      = flat                 //: [cum | flat]\n",
        "  focus                     = \"\"                   \n",
        "  sample_index              = inuse_space          //: [alloc_objects | alloc_space | "
        "inuse_objects | inuse_space]\n",
        "  compact_labels            = true                 \n"}) {
    EXPECT_THAT(options, testing::HasSubstr(line));
  }
}

TEST_F(ShellTest, HelpNamesEveryCommandAndOption) {
  const std::string help = told({"help"});
  for (const FormatInfo& format : all_formats()) {
    EXPECT_THAT(help, testing::HasSubstr("\n    " + std::string(format.name) + " "));
  }
  for (const Option& option : all_options()) {
    EXPECT_THAT(help, testing::HasSubstr("\n    " + std::string(option.name) + " "));
  }
}

TEST_F(ShellTest, CompletesCommandsByTheirStartAndFunctionsByAnyPart) {
  EXPECT_THAT(shell_.completions("to"), ElementsAre("top", "topproto"));
  EXPECT_THAT(shell_.completions("inuse_s"), ElementsAre("inuse_space"));
  EXPECT_THAT(shell_.completions("prune"), ElementsAre("prune_from"));
  const std::string grow = "example.com/kit/store.\\(\\*Map\\).grow";
  EXPECT_THAT(shell_.completions("peek Map"), ElementsAre(grow));
  EXPECT_THAT(shell_.completions("peek " + grow), ElementsAre(grow));
  EXPECT_THAT(said({("peek " + grow).c_str()}), testing::HasSubstr("|   main.main\n"));
  EXPECT_THAT(shell_.completions("top -lea"), ElementsAre("main.leaf"));
  EXPECT_THAT(shell_.completions("nothing"), ElementsAre());
}

TEST_F(ShellTest, LeavesWhenToldToAndAtTheEnd) {
  for (const char* word : {"q", "quit", "exit", "quit now"}) {
    EXPECT_FALSE(shell_.execute(word));
  }
  std::vector<std::string> lines = {"top1", "quit", "top1"};
  std::size_t at = 0;
  std::string prompts;
  converse(shell_, [&](const std::string& prompt) -> std::optional<std::string> {
    prompts += prompt;
    return lines.at(at++);
  });
  EXPECT_EQ(prompts, "(pprof) (pprof) ");
  converse(shell_, [](const std::string&) { return std::nullopt; });
}

}  // namespace
}  // namespace heapwatch::pprof::shell
