// Entries, options and pages for tests of the collector.
#pragma once

#include <gtest/gtest.h>

#include "base/remembered.h"
#include "check/go_expvar/page_collector.h"
#include "tests/check/recording_sink.h"

namespace heapwatch::check::go_expvar {

using metrics::MetricType;

inline MetricEntry entry(std::string_view path, MetricType type = MetricType::gauge) {
  return {
      .path = expvar::parse_path(path).value(), .type = type, .alias = std::nullopt, .tags = {}};
}

inline MetricEntry named(std::string_view path, std::string_view alias) {
  MetricEntry result = entry(path);
  result.alias = alias;
  return result;
}

inline CollectorOptions options(std::vector<MetricEntry> metrics) {
  CollectorOptions result;
  result.metrics = std::move(metrics);
  result.prefix = "p";
  return result;
}

/// A page whose memstats is as it should be, and never interesting.
inline std::string page(std::string_view members) {
  return R"({"memstats":{"Alloc":0,"TotalAlloc":0,"Lookups":0,"Mallocs":0,"Frees":0,"HeapAlloc":0,)"
         R"("HeapSys":0,"HeapIdle":0,"HeapInuse":0,"HeapReleased":0,"HeapObjects":0,)"
         R"("PauseTotalNs":0,"NumGC":0},)" +
         std::string(members) + "}";
}

struct Collected {
  std::vector<std::string> lines;  // without those of memstats
  RunReport report;
};

inline Collected collect(PageCollector& collector, std::string_view text) {
  RecordingSink sink;
  auto report = collector.collect(text, sink);
  EXPECT_TRUE(report.has_value()) << report.error().message;
  std::erase_if(sink.lines,
                [](const std::string& line) { return line.starts_with("p.memstats."); });
  return {sink.lines, report.value_or(RunReport{})};
}

inline Collected collect(CollectorOptions with, std::string_view text) {
  PageCollector collector(std::move(with));
  return collect(collector, text);
}

inline constexpr std::string_view memstats_page =
    R"({"memstats":{"Alloc":1,"TotalAlloc":2,"Lookups":3,"Mallocs":4,"Frees":5,"HeapAlloc":6,)"
    R"("HeapSys":7,"HeapIdle":8,"HeapInuse":9,"HeapReleased":10,"HeapObjects":11,)"
    R"("PauseTotalNs":12,"NumGC":0}})";

inline std::vector<std::string> all_lines(CollectorOptions with, std::string_view text) {
  PageCollector collector(std::move(with));
  RecordingSink sink;
  EXPECT_TRUE(collector.collect(text, sink));
  return sink.lines;
}

}  // namespace heapwatch::check::go_expvar
