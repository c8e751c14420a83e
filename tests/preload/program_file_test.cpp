#include "preload/program_file.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/testing/temporary_folder.h"

namespace heapwatch::preload {
namespace {

class ProgramFile : public ::testing::Test {
 protected:
  std::string file(const std::string& content, const char* name = "program") {
    std::string path = folder_ / name;
    std::ofstream(path, std::ios::binary) << content;
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }
  /// A real program, with a byte of its header changed.
  std::string changed(std::size_t at, unsigned char to) {
    std::string content = own_content();
    content[at] = static_cast<char>(to);
    return file(content);
  }
  static std::string own_content() {
    std::ifstream in("/bin/true", std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  heapwatch::tests::TemporaryFolder folder_;
};

TEST_F(ProgramFile, OfGlibcIsWatchable) {
  EXPECT_EQ(program_kind("/bin/true"), ProgramKind::watchable);
  EXPECT_EQ(program_kind("/bin/sh"), ProgramKind::watchable);
}

TEST_F(ProgramFile, ThatIsMissingOrNoProgramIsLeftToTheKernel) {
  EXPECT_EQ(program_kind("/nonexistent/program"), ProgramKind::watchable);
  EXPECT_EQ(program_kind("/"), ProgramKind::watchable);
  EXPECT_EQ(program_kind(file("").c_str()), ProgramKind::watchable);
  EXPECT_EQ(program_kind(file("echo a script without a first line\n").c_str()),
            ProgramKind::watchable);
  EXPECT_EQ(program_kind(file("#!").c_str()), ProgramKind::watchable);
}

TEST_F(ProgramFile, OfAnotherWidthOrMachineIsTold) {
  EXPECT_EQ(program_kind(changed(EI_CLASS, ELFCLASS32).c_str()), ProgramKind::other_class);
  EXPECT_EQ(program_kind(changed(EI_DATA, ELFDATA2MSB).c_str()), ProgramKind::other_machine);
  EXPECT_EQ(program_kind(changed(offsetof(Elf64_Ehdr, e_machine), EM_ARM).c_str()),
            ProgramKind::other_machine);
}

TEST_F(ProgramFile, ThatEndsEarlyIsHeldToItsBytes) {
  const std::string content = own_content();
  for (const std::size_t bytes : {4U, 5U, 6U, 20U, 40U, 64U, 100U, 500U, 700U}) {
    EXPECT_LE(program_kind(file(content.substr(0, bytes)).c_str()), ProgramKind::linked_statically)
        << bytes;
  }
}

TEST_F(ProgramFile, ThatIsAScriptIsWhatItsInterpreterIs) {
  EXPECT_EQ(program_kind(file("#!/bin/sh -e\n").c_str()), ProgramKind::watchable);
  const std::string other = changed(EI_CLASS, ELFCLASS32);
  const std::string script = file("#! " + other + " -x\n", "script");
  EXPECT_EQ(program_kind(script.c_str()), ProgramKind::other_class);
  EXPECT_EQ(program_kind(file("#!" + script, "outer").c_str()), ProgramKind::other_class);
  const std::string endless = folder_ / "endless";
  EXPECT_EQ(program_kind(file("#!" + endless, "endless").c_str()), ProgramKind::watchable);
}

TEST_F(ProgramFile, WithAnotherLoaderIsOfAnotherLibrary) {
  std::string content = own_content();
  const std::string loader = "/lib64/ld-linux-x86-64.so.2";
  const std::size_t at = content.find(loader);
  ASSERT_NE(at, std::string::npos);
  const std::string musl = "/lib/ld-musl-x86_64.so.1";
  content.replace(at, musl.size() + 1, musl + '\0');
  EXPECT_EQ(program_kind(file(content).c_str()), ProgramKind::musl);
  const std::string other = "/system/bin/linker64";
  content.replace(at, other.size() + 1, other + '\0');
  EXPECT_EQ(program_kind(file(content).c_str()), ProgramKind::other_library);
}

TEST_F(ProgramFile, ThatRunsAsAnotherUserIsTold) {
  if (geteuid() == 0) {
    const std::string path = file(own_content());
    ASSERT_EQ(chown(path.c_str(), 65534, 0), 0);
    ASSERT_EQ(chmod(path.c_str(), 04755), 0);
    EXPECT_EQ(program_kind(path.c_str()), ProgramKind::other_user);
  } else {
    EXPECT_EQ(program_kind("/bin/su"), ProgramKind::other_user);
  }
}

TEST_F(ProgramFile, ThatBringsAnAllocatorIsKnownByWhatItAsksFor) {
  EXPECT_TRUE(brings_allocator("/usr/bin/redis-server"));
  EXPECT_TRUE(brings_allocator(file("#!/usr/bin/redis-server\n").c_str()));
  EXPECT_FALSE(brings_allocator("/bin/true"));
  EXPECT_TRUE(is_allocator("/usr/lib/libtcmalloc_minimal.so.4"));
  EXPECT_FALSE(is_allocator("/usr/lib/libjemalloc/libc.so.6"));
}

TEST_F(ProgramFile, IsFoundAsExecvpFindsIt) {
  char path[PATH_MAX];
  const std::string here = file("#!/bin/sh\n", "here");
  std::filesystem::create_directory(folder_ / "sub");
  std::filesystem::create_directory(folder_ / "sub" / "here");
  const std::string search = (folder_ / "sub").string() + "::" + folder_.path().string();
  ASSERT_TRUE(find_program("here", search.c_str(), path, sizeof path));
  EXPECT_EQ(path, here);
  EXPECT_TRUE(find_program("sh", nullptr, path, sizeof path));
  EXPECT_FALSE(find_program("nowhere", search.c_str(), path, sizeof path));
  EXPECT_FALSE(find_program("", search.c_str(), path, sizeof path));
  ASSERT_TRUE(find_program("./x", search.c_str(), path, sizeof path));
  EXPECT_STREQ(path, "./x");
}

}  // namespace
}  // namespace heapwatch::preload
