#include "leak/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "leak/sentence.h"

namespace heapwatch::leak {

namespace {

constexpr std::size_t frames_max = 12;
constexpr std::size_t rows_max = 8;
constexpr double row_bytes_min = 4096;

void append_stack(std::string& out, const Finding& finding) {
  for (std::size_t i = 0; i < finding.stack.size() && i < frames_max; ++i) {
    const Frame& frame = finding.stack[i];
    out += (i == finding.application ? "  > " : "    ") + frame.function;
    if (!frame.file.empty()) {
      out += "  " + frame.file + ":" + std::to_string(frame.line);
    }
    out += "\n";
  }
}

void append_growth(std::string& out, const Judgement& judgement) {
  out += "RSS " + std::string(judgement.rss_growth < 0 ? "" : "+") +
         bytes_text(judgement.rss_growth) + " in " + duration_text(judgement.window) + "\n";
  std::size_t shown = 0;
  for (const GrowthRow& row : judgement.growth) {
    if (std::abs(row.bytes) < row_bytes_min || ++shown > rows_max) {
      continue;
    }
    std::string name = row.space;
    for (const std::string& part : {row.owner, row.state}) {
      if (!part.empty() && part != "mapped" && part != row.space) {
        name += " " + part;
      }
    }
    std::array<char, 128> line{};
    std::snprintf(line.data(), line.size(), "  %-40.60s %12s\n", name.c_str(),
                  ((row.bytes < 0 ? "" : "+") + bytes_text(row.bytes)).c_str());
    out += line.data();
  }
}

std::string watched_text(const Watch& watch) {
  if (watch.check) {
    return "the check " + *watch.check;
  }
  return (watch.pid ? "pid " + std::to_string(*watch.pid) : watch.url.value_or("it")) +
         (watch.command.empty() ? "" : " (" + watch.command + ")");
}

}  // namespace

std::string to_text(const Judgement& judgement, const Watch& watch) {
  const Finding& first = judgement.verdict();
  std::string out = first.sentence + "\n";
  append_stack(out, first);
  out += "confidence: " + std::string(name_of(first.confidence)) + ", after " +
         duration_text(judgement.window) + " and " + std::to_string(watch.looks.size()) +
         " looks at " + watched_text(watch) + "\n";
  if (!watch.ended.empty()) {
    out += "it ended early: " + watch.ended + "\n";
  }
  for (std::size_t i = 1; i < judgement.findings.size(); ++i) {
    out += (i == 1 ? "besides:\n  " : "  ") + judgement.findings[i].sentence + "\n";
  }
  if (!judgement.growth.empty()) {
    append_growth(out, judgement);
  }
  for (const std::string& line : judgement.why) {
    out += "why: " + line + "\n";
  }
  for (const std::string& line : watch.missing) {
    out += "missing: " + line + "\n";
  }
  for (const std::string& line : judgement.next) {
    out += "next: " + line + "\n";
  }
  return out;
}

}  // namespace heapwatch::leak
