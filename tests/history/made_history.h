// A history in a folder of its own, with a clock that the test sets.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "history/archive.h"
#include "history/recorder.h"
#include "tests/testing/temporary_folder.h"

namespace heapwatch::tests {

constexpr std::int64_t second = 1000;
constexpr std::int64_t minute = 60 * second;
constexpr std::int64_t hour = 60 * minute;
constexpr std::int64_t day = 24 * hour;
/// A full hour, so that minutes and hours begin where tests expect them.
constexpr std::int64_t start = 1'790'000'000'000 / hour * hour;

class MadeHistory : public ::testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path path() const { return folder_ / "history.db"; }

  /// Nothing is written but by flush().
  history::Recorder& recorder(history::Limits limits = {}) {
    if (!recorder_) {
      recorder_ = std::make_unique<history::Recorder>(history::Recorder::Options{
          .path = path(),
          .limits = limits,
          .every = std::chrono::hours(1),
          .log = [this](const std::string& sentence) { said_.push_back(sentence); },
          .clock = [this] { return now_; }});
    }
    return *recorder_;
  }
  void stop() { recorder_.reset(); }

  static history::LifeInfo life(const std::string& identity = "boot/7/100") {
    return {.identity = identity,
            .kind = "process",
            .service = "shop",
            .name = "shopd",
            .pid = 7,
            .started = start};
  }

  void record(std::vector<std::pair<std::string, std::int64_t>> values,
              const history::LifeInfo& of = life()) {
    recorder().record({.life = of, .time = now_, .values = std::move(values)});
    recorder().flush();
  }

  [[nodiscard]] history::Archive archive() const {
    auto opened = history::Archive::open(path());
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }

  heapwatch::tests::TemporaryFolder folder_;
  std::int64_t now_ = start;
  std::vector<std::string> said_;

 private:
  std::unique_ptr<history::Recorder> recorder_;
};

}  // namespace heapwatch::tests
