#include "history/tar.h"

#include <gmock/gmock.h>

#include <sstream>

namespace heapwatch::history {
namespace {

using ::testing::HasSubstr;

std::string archive_of(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string out;
  TarWriter tar([&out](std::string_view bytes) {
    out.append(bytes);
    return base::Result<void>{};
  });
  for (const auto& [name, bytes] : files) {
    EXPECT_TRUE(tar.add(name, bytes, 1'790'000'000'000));
  }
  EXPECT_TRUE(tar.finish());
  return out;
}

/// The names and bytes that a reader finds, or what it says.
std::string seen(const std::string& archive, TarReader::Limits limits = {},
                 std::size_t bytes_max = 1'000'000) {
  std::istringstream in(archive);
  TarReader tar(in, limits);
  std::string out;
  while (true) {
    const auto entry = tar.next();
    if (!entry) {
      return out + "! " + entry.error().message;
    }
    if (!*entry) {
      return out;
    }
    const auto bytes = tar.read(bytes_max);
    if (!bytes) {
      return out + "! " + bytes.error().message;
    }
    out += (*entry)->name + "=" + *bytes + ";";
  }
}

/// An entry whose head is as given; its sum is made right.
std::string with_head(std::string archive, std::size_t at, const std::string& bytes) {
  archive.replace(at, bytes.size(), bytes);
  archive.replace(148, 8, "        ");
  unsigned sum = 0;
  for (std::size_t i = 0; i < 512; ++i) {
    sum += static_cast<unsigned char>(archive[i]);
  }
  char text[8];
  std::snprintf(text, sizeof text, "%06o", sum);
  archive.replace(148, 8, std::string(text, 6) + std::string("\0 ", 2));
  return archive;
}

TEST(Tar, GivesBackWhatWasPutIn) {
  const std::string large(70'000, 'x');
  EXPECT_EQ(seen(archive_of({{"a", "1"}, {"folder/b.txt", ""}, {"c", large}})),
            "a=1;folder/b.txt=;c=" + large + ";");
  EXPECT_EQ(archive_of({{"a", "1"}}).size() % 512, 0U);
}

TEST(Tar, TakesEntriesThatNobodyReads) {
  std::istringstream in(archive_of({{"a", std::string(1000, 'a')}, {"b", "2"}}));
  TarReader tar(in);
  ASSERT_TRUE(tar.next());
  ASSERT_EQ((*tar.next())->name, "b");
  EXPECT_EQ(*tar.read(10), "2");
}

TEST(Tar, PassesOverFoldersAndNotes) {
  const std::string archive = archive_of({{"a", "1"}, {"b", "2"}});
  EXPECT_EQ(seen(with_head(archive, 156, "5")), "b=2;");
  EXPECT_EQ(seen(with_head(archive, 156, "x")), "b=2;");
}

TEST(Tar, RefusesWhatIsNoPlainFile) {
  const std::string archive = archive_of({{"a", "1"}});
  for (const char* type : {"1", "2", "3", "4", "6"}) {
    EXPECT_THAT(seen(with_head(archive, 156, type)), HasSubstr("links and devices are not taken"));
  }
}

TEST(Tar, RefusesNamesThatLeadOut) {
  for (const std::string name : {"/etc/passwd", "../a", "a/../../b", ".."}) {
    EXPECT_THAT(seen(archive_of({{name, "1"}})), HasSubstr("leads out of its folder")) << name;
  }
  EXPECT_EQ(seen(archive_of({{"./a..b/c", "1"}})), "a..b/c=1;");
}

TEST(Tar, RefusesWhatIsDamaged) {
  const std::string archive = archive_of({{"a", std::string(600, 'a')}});
  EXPECT_EQ(seen("no archive"), "! it is no tar archive");
  EXPECT_EQ(seen(std::string(600, 'z')), "! it is no tar archive");
  EXPECT_THAT(seen(archive.substr(0, 800)), HasSubstr("ends within an entry"));
  EXPECT_THAT(seen(archive.substr(0, 512 + 1024)), HasSubstr("ends before its end"));
  // A size of more than there is.
  EXPECT_THAT(seen(with_head(archive, 124, "00000100000"), {}, 1U << 30U),
              HasSubstr("ends within an entry"));
}

TEST(Tar, HasLimits) {
  const std::string archive = archive_of({{"a", std::string(600, 'a')}, {"b", "2"}});
  EXPECT_THAT(seen(archive, {.entries_max = 1}), HasSubstr("more than 1 entries"));
  EXPECT_THAT(seen(archive, {.bytes_max = 600}), HasSubstr("or 600 bytes"));
  EXPECT_THAT(seen(archive, {}, 599), HasSubstr("at most 599 are taken"));
  // A size beyond all limits does not wrap around.
  EXPECT_THAT(seen(with_head(archive, 124, "77777777777")), HasSubstr("bytes"));
  TarWriter tar([](std::string_view) { return base::Result<void>{}; });
  EXPECT_FALSE(tar.add(std::string(101, 'n'), "", 0));
}

TEST(Tar, TellsTheErrorOfItsOutput) {
  TarWriter tar([](std::string_view) {
    return base::Result<void>(base::fail(base::ErrorKind::io, "the disk is full"));
  });
  EXPECT_EQ(tar.add("a", "1", 0).error().message, "the disk is full");
}

}  // namespace
}  // namespace heapwatch::history
