#include "exporters/prometheus/negotiation.h"

#include <gtest/gtest.h>

#include <string>

namespace heapwatch::exporters::prometheus {
namespace {

const std::string text = "text/plain; version=0.0.4; charset=utf-8";
const std::string openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";

struct Case {
  const char* accept;
  std::string content_type;
};

TEST(Negotiate, AnswersTheSupportedTypeOfTheHighestQ) {
  const Case cases[] = {
      {"", text},
      {" ", text},
      {"*/*", text},
      {"text/*", text},
      {"text/html", text},
      {"application/json;q=0.9, text/html", text},
      {"text/plain", text},
      {"text/plain;version=0.0.4", text},
      {"text/plain;version=1.0.0;escaping=allow-utf-8", text},
      {"application/openmetrics-text", openmetrics},
      {"application/openmetrics-text;version=1.0.0", openmetrics},
      {"Application/OpenMetrics-Text ; Version=\"1.0.0\" ; charset=utf-8", openmetrics},
      {"application/openmetrics-text;version=0.0.1", text},
      {"application/openmetrics-text;version=2.0.0,text/plain;q=0.1", text},
      {"application/openmetrics-text;q=0.3,text/plain;q=0.4", text},
      {"application/openmetrics-text;q=0.4,text/plain;q=0.3", openmetrics},
      {"text/plain,application/openmetrics-text", text},
      {"application/openmetrics-text,text/plain", openmetrics},
      {"application/openmetrics-text;q=0,*/*;q=0.1", text},
      {"application/openmetrics-text;q=0", text},
      {"application/openmetrics-text;q=high", text},
      {"application/openmetrics-text;escaping=underscores", openmetrics + "; escaping=underscores"},
      {"application/openmetrics-text;escaping=dots", openmetrics + "; escaping=dots"},
      {"application/openmetrics-text;escaping=values", openmetrics + "; escaping=values"},
      {"application/openmetrics-text;escaping=none", openmetrics + "; escaping=underscores"},
      {",,;q=,;;=,text/plain;=;q", text},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(negotiate(test.accept).content_type, test.content_type) << test.accept;
    EXPECT_EQ(negotiate(test.accept).format == Format::text, test.content_type == text)
        << test.accept;
  }
}

TEST(Negotiate, PrometheusTwoGetsOpenMetrics) {
  EXPECT_EQ(negotiate("application/openmetrics-text;version=1.0.0,"
                      "application/openmetrics-text;version=0.0.1;q=0.75,"
                      "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
                .content_type,
            openmetrics);
}

TEST(Negotiate, PrometheusThreeGetsOpenMetricsWithItsEscaping) {
  EXPECT_EQ(negotiate("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
                      "encoding=delimited;q=0.6,"
                      "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                      "application/openmetrics-text;version=0.0.1;q=0.4,"
                      "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
                      "text/plain;version=0.0.4;q=0.2,*/*;q=0.1")
                .content_type,
            openmetrics + "; escaping=allow-utf-8");
}

}  // namespace
}  // namespace heapwatch::exporters::prometheus
