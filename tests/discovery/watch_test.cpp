#include "discovery/watch.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <atomic>
#include <deque>
#include <future>

#include "tests/testing/temporary_folder.h"

namespace heapwatch::discovery {
namespace {

using heapwatch::tests::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
namespace fs = std::filesystem;

/// What the source says, one answer a time; the last one stays.
struct Script {
  std::mutex mutex;
  std::deque<base::Result<Answer>> answers;
  std::vector<Groups> known;  // what it was told of before
  bool has_changed = false;
};

class ScriptedSource final : public Source {
 public:
  ScriptedSource(std::shared_ptr<Script> script, std::chrono::milliseconds refresh)
      : Source({.name = "scripted",
                .identity = 7,
                .refresh_interval = refresh,
                .limits = {},
                .allowed = std::nullopt}),
        script_(std::move(script)) {}

  base::Result<Answer> ask(const Groups& known) override {
    const std::lock_guard lock(script_->mutex);
    script_->known.push_back(known);
    auto answer = script_->answers.front();
    if (script_->answers.size() > 1) {
      script_->answers.pop_front();
    }
    return answer;
  }
  bool has_changed() override {
    const std::lock_guard lock(script_->mutex);
    return std::exchange(script_->has_changed, false);
  }

 private:
  std::shared_ptr<Script> script_;
};

Groups of(const std::string& address) {
  return {{.addresses = {address}, .labels = {{"x", "y"}}}};
}

Answer says(const std::string& address) {
  return {.groups = of(address), .troubles = {}};
}

base::Result<Answer> fails(const std::string& why) {
  return base::fail(base::ErrorKind::unreachable, why);
}

class WatchTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<Watch> watch(
      std::shared_ptr<Script> script,
      std::chrono::milliseconds refresh = std::chrono::hours(1)) const {
    std::vector<std::unique_ptr<Source>> sources;
    sources.push_back(std::make_unique<ScriptedSource>(std::move(script), refresh));
    return std::make_unique<Watch>(std::move(sources),
                                   WatchOptions{.kept_folder = folder_.path() / "discovery",
                                                .notice_after = std::chrono::milliseconds(1),
                                                .retry_after = std::chrono::milliseconds(1)});
  }
  static std::string addresses(const Watch& watch) {
    const auto list = watch.lists().front().groups;
    return list == nullptr ? "none" : list->empty() ? "" : list->front().addresses.front();
  }

  TemporaryFolder folder_;
};

std::shared_ptr<Script> script(std::deque<base::Result<Answer>> answers) {
  auto made = std::make_shared<Script>();
  made->answers = std::move(answers);
  return made;
}

TEST_F(WatchTest, TheLastGoodListStaysWhileTheSourceIsBroken) {
  const auto one = script({says("a:1"), fails("sd is away"), says("b:1")});
  const auto made = watch(one);
  made->ask_once();
  EXPECT_EQ(addresses(*made), "a:1");
  made->ask_once();
  EXPECT_EQ(addresses(*made), "a:1");
  SourceState state = made->states().front();
  EXPECT_EQ(state.trouble, "sd is away");
  EXPECT_EQ(state.failures, 1U);
  EXPECT_EQ(state.targets, 1U);
  EXPECT_TRUE(state.good);
  made->ask_once();
  EXPECT_EQ(addresses(*made), "b:1");
  state = made->states().front();
  EXPECT_EQ(state.trouble, "");
  EXPECT_EQ(state.asked, 3U);
}

TEST_F(WatchTest, TheLastGoodListStaysOverARestart) {
  watch(script({says("a:1")}))->ask_once();
  const auto broken = script({fails("sd is away"), says("b:1")});
  const auto made = watch(broken);
  made->ask_once();
  EXPECT_EQ(addresses(*made), "a:1");
  EXPECT_TRUE(made->states().front().is_kept);
  EXPECT_EQ(broken->known.front(), of("a:1")) << "the source is told what was known";
  const auto age = std::chrono::system_clock::now() - *made->states().front().good;
  EXPECT_LT(age, std::chrono::minutes(5));
  made->ask_once();
  EXPECT_EQ(addresses(*made), "b:1");
  EXPECT_FALSE(made->states().front().is_kept);
}

TEST_F(WatchTest, AListThatIsGoodInPartIsNotKept) {
  watch(script({says("a:1")}))->ask_once();
  watch(script({Answer{.groups = of("b:1"), .troubles = {"half of it broke"}}}))->ask_once();
  const auto made = watch(script({fails("sd is away")}));
  made->ask_once();
  EXPECT_EQ(addresses(*made), "a:1");
}

TEST_F(WatchTest, TheFileIsForTheOwnerAndItsGroupAndNothingElseIsLeft) {
  const mode_t before = umask(0);
  const auto made = watch(script({says("a:1"), says("b:1")}));
  made->ask_once();
  made->ask_once();
  umask(before);
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder_.path() / "discovery")) {
    files.push_back(entry.path());
  }
  ASSERT_THAT(files, SizeIs(1));
  EXPECT_EQ(files.front().filename(), "0000000000000007.targets");
  EXPECT_EQ(fs::status(files.front()).permissions(), fs::perms{0640});
  EXPECT_EQ(fs::status(folder_.path() / "discovery").permissions(), fs::perms{0750});
}

TEST_F(WatchTest, AFileThatIsBrokenIsAsIfThereWereNone) {
  for (const char* const text :
       {"", "x", "heapwatch targets 1\n", "heapwatch targets 1\n[{", "heapwatch targets 2\n[]"}) {
    folder_.write("discovery/0000000000000007.targets", text);
    const auto made = watch(script({fails("sd is away")}));
    made->ask_once();
    EXPECT_EQ(addresses(*made), "none") << text;
  }
}

TEST_F(WatchTest, AFolderThatCannotBeWrittenCostsNothingButWhatIsKept) {
  folder_.write("discovery", "a file");
  const auto made = watch(script({says("a:1")}));
  made->ask_once();
  EXPECT_EQ(addresses(*made), "a:1");
  EXPECT_EQ(made->states().front().trouble, "");
}

TEST_F(WatchTest, ItIsAskedAgainWhenItHasChangedAndTellsOnlyOfAnotherList) {
  const auto one = script({says("a:1"), says("a:1"), says("b:1")});
  const auto made = watch(one);
  std::mutex mutex;
  std::vector<std::string> told;
  std::promise<void> second;
  made->start([&] {
    const std::lock_guard lock(mutex);
    told.push_back(addresses(*made));
    if (told.size() == 1) {
      const std::lock_guard script_lock(one->mutex);
      one->has_changed = true;
    }
    if (told.back() == "b:1") {
      second.set_value();
    }
  });
  const auto told_at = second.get_future();
  for (int i = 0;
       i < 1000 && told_at.wait_for(std::chrono::milliseconds(10)) != std::future_status::ready;
       ++i) {
    const std::lock_guard lock(one->mutex);
    one->has_changed = true;
  }
  const std::lock_guard lock(mutex);
  EXPECT_THAT(told, ElementsAre("a:1", "b:1"));
}

TEST_F(WatchTest, ItIsAskedAgainSoonAfterAFailureAndOnItsInterval) {
  const auto one = script({fails("away"), says("a:1"), says("b:1")});
  const auto made = watch(one, std::chrono::milliseconds(20));
  std::promise<void> done;
  std::atomic<int> seen = 0;
  made->start([&] {
    if (++seen == 3) {
      done.set_value();
    }
  });
  EXPECT_EQ(done.get_future().wait_for(std::chrono::seconds(60)), std::future_status::ready);
  EXPECT_EQ(addresses(*made), "b:1");
}

TEST_F(WatchTest, ItEndsSoonAndSaysWhen) {
  const auto made = watch(script({says("a:1")}));
  EXPECT_TRUE(made->has_ended());
  std::promise<void> first;
  made->start([&] { first.set_value(); });
  first.get_future().wait();
  EXPECT_FALSE(made->has_ended());
  made->stop_soon();
  for (int i = 0; i < 6000 && !made->has_ended(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(made->has_ended());
}

}  // namespace
}  // namespace heapwatch::discovery
