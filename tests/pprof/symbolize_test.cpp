#include "pprof/driver/symbolize.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace heapwatch::pprof {
namespace {

using base::ErrorKind;
using base::fail;

/// Two mappings: the first without names, the second with.
Profile profile_without_names() {
  Profile profile;
  const auto text = [&](const char* value) { return profile.strings.add(value); };
  profile.mappings = {
      {.id = 1, .start = 0x1000, .limit = 0x2000, .offset = 0, .file = text("/bin/program")},
      {.id = 2,
       .start = 0x4000,
       .limit = 0x5000,
       .file = text("/lib/a.so"),
       .has_functions = true}};
  profile.locations = {{.id = 1, .address = 0x1100, .mapping = 0},
                       {.id = 2, .address = 0x1200, .mapping = 0},
                       {.id = 3, .address = 0x4100, .mapping = 1, .line_count = 1}};
  profile.functions = {{.id = 7, .name = text("known"), .system_name = text("known")}};
  profile.lines = {{.function = 0}};
  return profile;
}

std::vector<std::string> names_of(const Profile& profile) {
  std::vector<std::string> names;
  for (const Location& location : profile.locations) {
    std::string all;
    for (const Line& line : profile.lines_of(location)) {
      const Function& function = profile.functions[line.function];
      all += (all.empty() ? "" : " < ") + std::string(profile.text(function.name)) + " " +
             std::string(profile.text(function.file)) + ":" + std::to_string(line.line);
    }
    names.push_back(all);
  }
  return names;
}

struct Asked {
  std::vector<std::string> opened;
  std::vector<std::string> posted;
  std::vector<std::string> warnings;
};

SymbolSeams seams_of(Asked& asked) {
  SymbolSeams seams;
  seams.open = [&](const MappedFile& file) -> base::Result<void> {
    asked.opened.push_back(file.path);
    if (file.path == "/bin/gone") {
      return fail(ErrorKind::not_found, "no such file");
    }
    return {};
  };
  seams.frames = [](const MappedFile&, std::uint64_t address, bool is_fast) {
    return address == 0x1100
               ? std::vector<NamedFrame>{{"_Zinner", is_fast ? "" : "a.c", is_fast ? 0 : 5, 0},
                                         {"outer", is_fast ? "" : "b.c", is_fast ? 0 : 6, 0}}
               : std::vector<NamedFrame>();
  };
  seams.demangle = [](const std::string& name, NameStyle style) {
    return style == NameStyle::none ? name : "readable " + name.substr(2);
  };
  seams.post = [&](const std::string& url, const std::string& body) -> base::Result<std::string> {
    asked.posted.push_back(url + " " + body);
    return "num_symbols: 1\n0x1100 from_program\n0x1200\t_Zover_there(int)\nnonsense\n0x9 other\n";
  };
  return seams;
}

std::vector<std::string> run(Profile& profile, Asked& asked, const std::string& mode,
                             const std::string& url = "") {
  const Warn warn = [&](const std::string& text) { asked.warnings.push_back(text); };
  symbolize(profile, {parse_symbolize_mode(mode, warn), url, ""}, seams_of(asked), warn);
  return names_of(profile);
}

using Names = std::vector<std::string>;

TEST(Symbolize, NamesByFilesWhatHasNoNames) {
  Profile profile = profile_without_names();
  Asked asked;
  EXPECT_EQ(run(profile, asked, ""), (Names{"readable inner a.c:5 < outer b.c:6", "", "known :0"}));
  EXPECT_EQ(asked.opened, (Names{"/bin/program"}));
  EXPECT_TRUE(profile.mappings[0].has_functions && profile.mappings[0].has_filenames &&
              profile.mappings[0].has_line_numbers && profile.mappings[0].has_inline_frames);
  EXPECT_EQ(profile.functions[1].id, 8U);
  EXPECT_EQ(asked.warnings, Names{});
}

TEST(Symbolize, LeavesAllAsItIsWhenNoneIsWanted) {
  Profile profile = profile_without_names();
  Asked asked;
  EXPECT_EQ(run(profile, asked, "none", "http://h/pprof/heap"), (Names{"", "", "known :0"}));
  EXPECT_TRUE(asked.opened.empty() && asked.posted.empty());
}

TEST(Symbolize, HasModesForNamesAloneAndForNoDemangling) {
  Profile profile = profile_without_names();
  Asked asked;
  EXPECT_EQ(run(profile, asked, "fastlocal"),
            (Names{"readable inner :0 < outer :0", "", "known :0"}));
  Profile again = profile_without_names();
  EXPECT_EQ(run(again, asked, "local:demangle=none")[0], "_Zinner a.c:5 < outer b.c:6");
}

TEST(Symbolize, ForcesNewNamesOnWhatHasSome) {
  Profile profile = profile_without_names();
  profile.locations[0].line_count = 1;
  Asked asked;
  EXPECT_EQ(run(profile, asked, "")[0], "known :0");
  EXPECT_EQ(run(profile, asked, "force")[0], "readable inner a.c:5 < outer b.c:6");
}

TEST(Symbolize, AsksTheProgramForWhatNoFileNames) {
  Profile profile = profile_without_names();
  Asked asked;
  EXPECT_EQ(run(profile, asked, "remote", "http://h:1/pprof/heap?x=1"),
            (Names{"from_program :0", "readable over_there(int) :0", "known :0"}));
  EXPECT_EQ(asked.posted, (Names{"http://h:1/pprof/symbol 0x1100+0x1200"}));
  EXPECT_TRUE(asked.opened.empty());
  Profile file = profile_without_names();
  run(file, asked, "remote");
  EXPECT_EQ(asked.posted.size(), 1U);  // a file came from no program
}

TEST(Symbolize, TellsWhatIsMissing) {
  Profile profile = profile_without_names();
  profile.mappings[0].file = profile.strings.add("/bin/gone");
  Asked asked;
  run(profile, asked, "");
  EXPECT_EQ(asked.warnings,
            (Names{"Local symbolization failed for gone: no such file",
                   "Some binary filenames not available. Symbolization may be incomplete.\n"
                   "Try setting PPROF_BINARY_PATH to the search path for local binaries."}));
  profile.mappings[0].file = 0;
  asked.warnings.clear();
  run(profile, asked, "quick");
  EXPECT_EQ(asked.warnings, (Names{"ignoring unrecognized symbolization option: quick",
                                   "expecting -symbolize=[local|fastlocal|remote|none][:force]"
                                   "[:demangle=[none|full|templates|default]]",
                                   "Main binary filename not available."}));
}

TEST(Symbolize, AsksWhereTheProgramAnswers) {
  EXPECT_EQ(symbol_url("http://h:1/debug/pprof/heap"), "http://h:1/debug/pprof/symbol");
  EXPECT_EQ(symbol_url("http://h:1/a/pprof/growth?seconds=3"), "http://h:1/a/pprof/symbol");
  EXPECT_EQ(symbol_url("h:1/heapz"), "h:1/symbolz");
  EXPECT_EQ(symbol_url("http://h:1"), "");
  EXPECT_EQ(symbol_url("h:1"), "");
}

}  // namespace
}  // namespace heapwatch::pprof
