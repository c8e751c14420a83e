#include "exporters/otlp/answer.h"

#include <libdeflate.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <protozero/pbf_reader.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "base/printable.h"
#include "base/utf8.h"

namespace heapwatch::exporters::otlp {

namespace {

using push::Answer;
using push::Outcome;

constexpr int first_success = 200;
constexpr int first_redirect = 300;
constexpr int too_many = 429;
constexpr int bad_gateway = 502;
constexpr int unavailable = 503;
constexpr int gateway_timeout = 504;

// Fields of ExportMetricsServiceResponse, and of its ExportMetricsPartialSuccess.
constexpr protozero::pbf_tag_type partial_success = 1;
constexpr protozero::pbf_tag_type rejected_data_points = 1;
constexpr protozero::pbf_tag_type error_message = 2;

/// A body that is none says nothing.
void read_partial_success(std::string_view body, Answer& answer) {
  try {
    protozero::pbf_reader response(body.data(), body.size());
    while (response.next(partial_success, protozero::pbf_wire_type::length_delimited)) {
      protozero::pbf_reader partial = response.get_message();
      while (partial.next()) {
        switch (partial.tag_and_type()) {
          case protozero::tag_and_type(rejected_data_points, protozero::pbf_wire_type::varint):
            answer.rejected_samples =
                static_cast<std::uint64_t>(std::max<std::int64_t>(partial.get_int64(), 0));
            break;
          case protozero::tag_and_type(error_message, protozero::pbf_wire_type::length_delimited): {
            const auto text = partial.get_view();
            answer.problem = base::printable(base::whole_characters(
                std::string_view(text.data(), text.size()), push::said_bytes_max));
            break;
          }
          default:
            partial.skip();
        }
      }
    }
  } catch (const protozero::exception&) {
    answer.rejected_samples = 0;
    answer.problem.clear();
  }
}

Outcome outcome_of(int status, const push::Spoken& spoken) {
  if (status >= first_success && status < first_redirect) {
    return Outcome::taken;
  }
  const bool is_for_now = (status == too_many && spoken.retry_on_429) || status == bad_gateway ||
                          status == unavailable || status == gateway_timeout;
  return is_for_now ? Outcome::retry : Outcome::refused;
}

net::Headers headers(push::Version /*version*/) {
  return {{"Content-Type", "application/x-protobuf"}, {"Content-Encoding", "gzip"}};
}

struct FreeCompressor {
  void operator()(libdeflate_compressor* compressor) const {
    libdeflate_free_compressor(compressor);
  }
};

std::string compressed(std::string_view message) {
  constexpr int level = 4;  // half of what the best takes off, for a fraction of its time
  const std::unique_ptr<libdeflate_compressor, FreeCompressor> compressor(
      libdeflate_alloc_compressor(level));
  if (!compressor) {
    throw std::bad_alloc();
  }
  std::string out(libdeflate_gzip_compress_bound(compressor.get(), message.size()), '\0');
  out.resize(libdeflate_gzip_compress(compressor.get(), message.data(), message.size(), out.data(),
                                      out.size()));
  return out;
}

}  // namespace

Answer judge(const net::HttpResult& result, push::Version /*version*/, const push::Spoken& spoken,
             base::Instant now) {
  Answer answer;
  if (!result) {
    answer.problem = result.error().message;
    return answer;
  }
  answer.outcome = outcome_of(result->status, spoken);
  if (answer.outcome == Outcome::taken) {
    read_partial_success(result->body, answer);
    return answer;
  }
  answer.problem = push::problem_of(*result);
  if (answer.outcome == Outcome::retry) {
    answer.retry_after = push::retry_after(result->headers, now);
  }
  return answer;
}

const push::Protocol protocol{
    .name = "otlp", .headers = headers, .judge = judge, .compressed = compressed};

}  // namespace heapwatch::exporters::otlp
