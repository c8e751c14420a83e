#include "history/store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "made_history.h"

namespace heapwatch::history {
namespace {

using ::testing::HasSubstr;

class StoreOfHistory : public tests::MadeHistory {
 protected:
  void run_sql(const std::string& sql) const {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &database), SQLITE_OK);
    char* message = nullptr;
    ASSERT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK)
        << message;
    sqlite3_close(database);
  }
  [[nodiscard]] std::string failure_of_opening() const {
    const auto store = Store::open(path(), {});
    return store ? "" : store.error().message;
  }
};

TEST_F(StoreOfHistory, MakesAFileThatOnlyItsOwnerWritesAndOthersOfTheGroupRead) {
  const mode_t before = ::umask(0);
  const auto store = Store::open(path(), {});
  ::umask(before);
  ASSERT_TRUE(store) << store.error().message;
  struct stat file {};
  for (const char* ending : {"", "-wal", "-shm", ".lock"}) {
    ASSERT_EQ(::stat((path().string() + ending).c_str(), &file), 0) << ending;
    EXPECT_EQ(file.st_mode & 0777, 0640U) << ending;
  }
}

TEST_F(StoreOfHistory, HasOneWriter) {
  const auto store = Store::open(path(), {});
  ASSERT_TRUE(store);
  EXPECT_THAT(failure_of_opening(), HasSubstr("history.db: another heapwatch writes this history"));
}

TEST_F(StoreOfHistory, RefusesAFileOfANewerVersion) {
  ASSERT_TRUE(Store::open(path(), {}));
  run_sql("PRAGMA user_version = 99");
  EXPECT_THAT(failure_of_opening(),
              HasSubstr("history.db: the history is of version 99, which a newer heapwatch wrote; "
                        "this one knows versions up to 2"));
}

TEST_F(StoreOfHistory, RefusesADatabaseOfAnotherProgramAndLeavesItAsItIs) {
  run_sql("CREATE TABLE bookmarks (url TEXT)");
  EXPECT_THAT(failure_of_opening(),
              HasSubstr("the file is a database of another program, not a history of heapwatch"));
}

TEST_F(StoreOfHistory, RefusesWhatIsNoDatabase) {
  std::ofstream(path()) << std::string(5000, 'x');
  EXPECT_THAT(failure_of_opening(), HasSubstr("file is not a database"));
}

TEST_F(StoreOfHistory, RefusesALinkInThePlaceOfItsFile) {
  std::ofstream(folder_ / "elsewhere") << "precious";
  std::filesystem::create_symlink(folder_ / "elsewhere", path());
  EXPECT_THAT(failure_of_opening(), HasSubstr("history.db: "));
  std::ifstream elsewhere(folder_ / "elsewhere");
  std::string content;
  elsewhere >> content;
  EXPECT_EQ(content, "precious");
}

TEST_F(StoreOfHistory, BringsAFileOfVersionOneUpToDateWithAllThatIsInIt) {
  std::ifstream file(std::string(HISTORY_TEST_DATA) + "/version_1.sql");
  std::stringstream sql;
  sql << file.rdbuf();
  run_sql(sql.str());
  ASSERT_EQ(failure_of_opening(), "");
  auto read = archive();
  const auto lives = read.lives({0, tests::start + tests::day});
  ASSERT_TRUE(lives) << lives.error().message;
  ASSERT_EQ(lives->size(), 1U);
  EXPECT_EQ((*lives)[0].info.name, "shopd");
  EXPECT_FALSE((*lives)[0].ended);
  const auto course = read.course((*lives)[0].id, {0, 100'000}, 100);
  ASSERT_TRUE(course) << course.error().message;
  EXPECT_EQ(course->times, (std::vector<std::int64_t>{10'000, 20'000}));
  EXPECT_EQ(course->columns.at("rss").last, (std::vector<std::int64_t>{5, 6}));
  const auto events = read.events(std::nullopt, {0, 100'000});
  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 1U);
  EXPECT_EQ((*events)[0].text, "the agent began");
}

TEST_F(StoreOfHistory, IsNotReadBeforeItIsUpToDate) {
  std::ifstream file(std::string(HISTORY_TEST_DATA) + "/version_1.sql");
  std::stringstream sql;
  sql << file.rdbuf();
  run_sql(sql.str());
  const auto read = Archive::open(path());
  ASSERT_FALSE(read);
  EXPECT_THAT(
      read.error().message,
      HasSubstr("the history is of version 1; a start of the agent brings it to version 2"));
}

TEST_F(StoreOfHistory, NeedsSomeRoom) {
  const auto store = Store::open(path(), {.file_max = 1 << 20});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().message, "a history of 1048576 bytes at most; it needs 4194304");
}

}  // namespace
}  // namespace heapwatch::history
