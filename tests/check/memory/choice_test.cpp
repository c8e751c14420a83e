#include "check/memory/choice.h"

#include <gmock/gmock.h>
#include <re2/re2.h>
#include <unistd.h>

#include <fstream>

#include "made_machine.h"

namespace heapwatch::check::memory {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

Choice choice(ChoiceKind kind, std::string text = "", unsigned port = 0) {
  return {
      .kind = kind,
      .text = text,
      .port = port,
      .pattern = kind == ChoiceKind::pattern ? std::make_shared<const re2::RE2>(text) : nullptr};
}

class Choosing : public testing::Test {
 protected:
  Choosing() {
    machine.add(10, "nginx", "0::/system.slice/nginx.service\n").ports = {80};
    machine.add(11, "nginx", "0::/system.slice/nginx.service\n");
    machine.add(12, "redis", "0::/system.slice/docker-1.scope/x\n").under_exec = true;
    machine.add(13, "a-name-longer-t").command_line = "/opt/a-name-longer-than-that --x";
  }
  base::Result<std::vector<int>> chosen(const Choice& wanted) {
    return choose(wanted, machine, milliseconds(0));
  }
  std::string refusal(const Choice& wanted) {
    const auto pids = chosen(wanted);
    return pids ? "" : pids.error().message;
  }
  MadeMachine machine;
};

TEST_F(Choosing, TakesEveryProcessThatIsMeant) {
  EXPECT_THAT(*chosen(choice(ChoiceKind::process_name, "nginx")), ElementsAre(10, 11));
  EXPECT_THAT(*chosen(choice(ChoiceKind::process_name, "a-name-longer-than-that")),
              ElementsAre(13));
  EXPECT_THAT(*chosen(choice(ChoiceKind::pattern, "/bin/(redis|nginx) -x$")),
              ElementsAre(10, 11, 12));
  EXPECT_THAT(*chosen(choice(ChoiceKind::systemd_unit, "nginx")), ElementsAre(10, 11));
  EXPECT_THAT(*chosen(choice(ChoiceKind::cgroup, "/system.slice/docker-1.scope")), ElementsAre(12));
  EXPECT_THAT(*chosen(choice(ChoiceKind::port, "", 80)), ElementsAre(10));
  EXPECT_THAT(*chosen(choice(ChoiceKind::exec)), ElementsAre(12));
  EXPECT_THAT(*chosen(choice(ChoiceKind::self)), ElementsAre(getpid()));
}

TEST_F(Choosing, SaysWhenThereIsNone) {
  EXPECT_EQ(refusal(choice(ChoiceKind::process_name, "ngin")), "no process is named \"ngin\"");
  EXPECT_EQ(refusal(choice(ChoiceKind::process_name, "a-name-longer-too")),
            "no process is named \"a-name-longer-too\"");
  EXPECT_EQ(refusal(choice(ChoiceKind::pattern, "^x")),
            "no process has a command line that matches \"^x\"");
  EXPECT_EQ(refusal(choice(ChoiceKind::systemd_unit, "a")), "no process belongs to the unit a");
  EXPECT_EQ(refusal(choice(ChoiceKind::cgroup, "/a")), "no process is in the control group /a");
  EXPECT_EQ(refusal(choice(ChoiceKind::port, "", 81)), "nothing listens");
}

TEST_F(Choosing, NoProgramUnderExecIsNoFault) {
  machine.at(12).under_exec = false;
  EXPECT_THAT(*chosen(choice(ChoiceKind::exec)), ElementsAre());
}

TEST_F(Choosing, APidFileHoldsAPid) {
  const std::string path = testing::TempDir() + "memory_choice_" + std::to_string(getpid());
  const auto with = [&](const char* text) {
    std::ofstream(path) << text;
    return choice(ChoiceKind::pid_file, path);
  };
  EXPECT_THAT(*chosen(with("12\n")), ElementsAre(12));
  EXPECT_THAT(*chosen(with(" 13 and more")), ElementsAre(13));
  EXPECT_EQ(refusal(with("")), path + ": holds no pid");
  EXPECT_EQ(refusal(with("-4")), path + ": holds no pid");
  EXPECT_EQ(refusal(with("x")), path + ": holds no pid");
  unlink(path.c_str());
  EXPECT_EQ(refusal(choice(ChoiceKind::pid_file, path)), path + ": No such file or directory");
}

}  // namespace
}  // namespace heapwatch::check::memory
