#include "exporters/pyroscope/message.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "exporters/push/wire.h"

namespace heapwatch::exporters::pyroscope {

namespace {

namespace wire = push::wire;
using push::Outcome;

// Fields of PushRequest, RawProfileSeries, LabelPair and RawSample.
constexpr unsigned request_series = 1;
constexpr unsigned series_labels = 1;
constexpr unsigned series_samples = 2;
constexpr unsigned label_name = 1;
constexpr unsigned label_value = 2;
constexpr unsigned sample_raw_profile = 1;

/// Between the query and the body in a message.
constexpr char end_of_query = '\n';

constexpr std::string_view boundary = "heapwatch-profile-4f0c7d1b9a6e42d8";
/// What is in use is a state, what was allocated a difference.
constexpr std::string_view sample_type_config =
    R"({"alloc_objects":{"units":"objects","aggregation":"sum"},)"
    R"("alloc_space":{"units":"bytes","aggregation":"sum"},)"
    R"("inuse_objects":{"units":"objects","aggregation":"average"},)"
    R"("inuse_space":{"units":"bytes","aggregation":"average"}})";

constexpr bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

std::string push_message(const Ready& ready) {
  prometheus::Labels labels = ready.labels;
  labels["__name__"] = "memory";
  labels["__delta__"] = "false";  // that is done
  labels["service_name"] = ready.service;
  std::string series;
  for (const auto& [name, value] : labels) {
    std::string label;
    wire::put_bytes_field(label, label_name, name);
    wire::put_bytes_field(label, label_value, value);
    wire::put_bytes_field(series, series_labels, label);
  }
  std::string sample;
  sample.reserve(ready.profile.size() + 8);
  wire::put_bytes_field(sample, sample_raw_profile, ready.profile);
  wire::put_bytes_field(series, series_samples, sample);
  std::string message;
  wire::put_bytes_field(message, request_series, series);
  return message;
}

/// `service{a=b,c=d}`, where nothing is escaped.
std::string name_of(const Ready& ready) {
  std::string name = ready.service;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !is_plain(c) && c != '/'; }, '_');
  char before = '{';
  for (const auto& [label, value] : ready.labels) {
    name += before + label + '=';
    before = ',';
    for (const char c : value) {
      name += c == ',' || c == '}' ? '_' : c;
    }
  }
  return before == '{' ? name : name + '}';
}

std::string query_of(const Ready& ready, Api api) {
  const auto encoded = [](std::string_view text) { return base::percent_encoded(text, is_plain); };
  const auto seconds = [](std::chrono::system_clock::time_point time) {
    return std::to_string(
        std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count());
  };
  std::string query = "name=" + encoded(name_of(ready)) + "&from=" + seconds(ready.from) +
                      "&until=" + seconds(ready.until) + "&spyName=" + encoded(ready.spy);
  // A form says by its type what it is; with a format it would be read as a profile.
  return api == Api::ingest ? query + "&format=pprof" : query;
}

void append_part(std::string& form, std::string_view name, std::string_view content) {
  form.append("--").append(boundary).append("\r\nContent-Disposition: form-data; name=\"");
  form.append(name).append("\"; filename=\"").append(name).append("\"\r\n\r\n");
  form.append(content).append("\r\n");
}

void unpack(net::HttpRequest& request) {
  const std::size_t end = request.body.find(end_of_query);
  if (end != std::string::npos) {
    request.url += '?' + request.body.substr(0, end);
    request.body.erase(0, end + 1);
  }
}

net::Headers push_headers(push::Version /*version*/) {
  return {{"Content-Type", "application/proto"}, {"Connect-Protocol-Version", "1"}};
}

net::Headers ingest_headers(push::Version /*version*/) {
  return {{"Content-Type", "application/octet-stream"}};
}

net::Headers form_headers(push::Version /*version*/) {
  return {{"Content-Type", "multipart/form-data; boundary=" + std::string(boundary)}};
}

/// Profiles are compressed already.
std::string as_it_is(std::string_view message) {
  return std::string(message);
}

constexpr push::Protocol make_protocol(net::Headers (*headers)(push::Version version),
                                       void (*unpack_message)(net::HttpRequest& request)) {
  return {.name = "pyroscope",
          .headers = headers,
          .judge = judge,
          .compressed = as_it_is,
          .unpack = unpack_message,
          .noun = "profile"};
}

constexpr std::array<push::Protocol, 3> protocols{make_protocol(push_headers, nullptr),
                                                  make_protocol(ingest_headers, unpack),
                                                  make_protocol(form_headers, unpack)};

}  // namespace

std::string message_of(const Ready& ready, Api api) {
  if (api == Api::push) {
    return push_message(ready);
  }
  std::string message = query_of(ready, api) + end_of_query;
  if (api == Api::ingest) {
    return message + ready.profile;
  }
  append_part(message, "profile", ready.profile);
  append_part(message, "sample_type_config", sample_type_config);
  return message.append("--").append(boundary).append("--\r\n");
}

const push::Protocol& protocol_of(Api api) {
  return protocols.at(static_cast<std::size_t>(api));
}

std::string_view path_of(Api api) {
  return api == Api::push ? "/push.v1.PusherService/Push" : "/ingest";
}

push::Answer judge(const net::HttpResult& result, push::Version /*version*/,
                   const push::Spoken& spoken, base::Instant now) {
  constexpr int first_success = 200;
  constexpr int first_redirect = 300;
  constexpr int too_many = 429;
  constexpr int first_server_error = 500;
  push::Answer answer;
  if (!result) {
    answer.problem = result.error().message;
    return answer;
  }
  const int status = result->status;
  if (status >= first_success && status < first_redirect) {
    answer.outcome = Outcome::taken;
    return answer;
  }
  const bool is_for_now =
      status >= first_server_error || (status == too_many && spoken.retry_on_429);
  answer.outcome = is_for_now ? Outcome::retry : Outcome::refused;
  answer.problem = push::problem_of(*result);
  if (is_for_now) {
    answer.retry_after = push::retry_after(result->headers, now);
  }
  return answer;
}

}  // namespace heapwatch::exporters::pyroscope
