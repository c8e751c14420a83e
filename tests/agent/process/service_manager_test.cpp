#include "agent/process/service_manager.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace heapwatch::agent::process {
namespace {

ServiceManager manager(const std::string& watchdog_usec, const std::string& pid = {}) {
  return ServiceManager([&](std::string_view name) -> std::optional<std::string> {
    if (name == "NOTIFY_SOCKET") {
      return "/nowhere/notify";
    }
    if (name == "WATCHDOG_USEC" && !watchdog_usec.empty()) {
      return watchdog_usec;
    }
    if (name == "WATCHDOG_PID" && !pid.empty()) {
      return pid;
    }
    return std::nullopt;
  });
}

TEST(ServiceManager, WantsASignOfLifeTwiceInTheTimeItIsGiven) {
  EXPECT_EQ(manager("60000000").watchdog(), std::chrono::seconds(30));
  EXPECT_EQ(manager("").watchdog(), std::nullopt);
  EXPECT_EQ(manager("soon").watchdog(), std::nullopt);
  EXPECT_EQ(manager("0").watchdog(), std::nullopt);
}

TEST(ServiceManager, WantsNoneWhenAnotherProcessIsMeant) {
  EXPECT_EQ(manager("60000000", "1").watchdog(), std::nullopt);
}

TEST(ServiceManager, LosesAMessageThatNobodyTakes) {
  manager("60000000").ready("running");
}

}  // namespace
}  // namespace heapwatch::agent::process
