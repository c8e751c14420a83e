#include "config/receiver_options.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "config/duration.h"
#include "config/receiver_access.h"

namespace heapwatch::config {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds one_ms{1};
constexpr milliseconds hour{3'600'000};
constexpr milliseconds year{std::int64_t{365} * 24 * 3'600'000};
constexpr std::size_t receivers_max = 16;
constexpr std::size_t labels_max = 64;
constexpr std::size_t label_bytes_max = 4096;
constexpr std::int64_t shards_max = 10'000;
constexpr std::uint16_t shards_used_max = 12;  // more are no faster
constexpr std::int64_t samples_max = 100'000;
constexpr std::int64_t memory_bytes_min = std::int64_t{1} << 20U;
constexpr std::int64_t memory_bytes_max = std::int64_t{1} << 34U;
constexpr std::int64_t disk_bytes_min = std::int64_t{1} << 20U;
constexpr std::int64_t disk_bytes_max = std::int64_t{1} << 44U;

/// They say how the message is to be read, who asks, and how the connection is used.
constexpr std::array<std::string_view, 14> reserved_headers{
    "authorization",    "host",       "content-encoding",   "content-length",
    "content-type",     "user-agent", "transfer-encoding",  "x-prometheus-remote-write-version",
    "connection",       "keep-alive", "proxy-authenticate", "proxy-authorization",
    "www-authenticate", "expect"};

void read_headers(Section& section, ReceiverConfig& remote) {
  const auto headers = section.text_map("headers");
  if (!headers) {
    return;
  }
  for (const auto& [name, value] : *headers) {
    const std::string lower = base::ascii_lower(name);
    if (std::find(reserved_headers.begin(), reserved_headers.end(), lower) !=
        reserved_headers.end()) {
      section.error(
          "headers",
          section.name_of("headers") + " -> " + name + " is set by heapwatch itself" +
              (lower == "authorization" ? "; use basic_auth, authorization or oauth2" : ""));
    } else if (!base::is_token(name) || !base::is_one_line(value)) {
      section.error("headers", section.name_of("headers") + " -> " + name +
                                   " must be the name of a header, with a value of one line");
    }
  }
  remote.headers = *headers;
}

void read_queue(Section& section, ReceiverConfig& remote) {
  auto queue = section.section("queue_config");
  if (!queue) {
    return;
  }
  if (const auto shards = queue->integer("max_shards", 1, shards_max)) {
    remote.max_shards =
        static_cast<std::uint16_t>(std::min<std::int64_t>(*shards, shards_used_max));
  }
  assign(remote.max_samples_per_send, queue->integer("max_samples_per_send", 1, samples_max));
  assign(remote.batch_send_deadline, read_duration(*queue, "batch_send_deadline", {one_ms, hour}));
  assign(remote.min_backoff, read_duration(*queue, "min_backoff", {one_ms, hour}));
  assign(remote.max_backoff, read_duration(*queue, "max_backoff", {one_ms, hour}));
  assign(remote.retry_on_http_429, queue->boolean("retry_on_http_429"));
  assign(remote.sample_age_limit,
         read_duration(*queue, "sample_age_limit", {milliseconds{0}, year}));
  assign(remote.memory_max_size,
         queue->integer("memory_max_size", memory_bytes_min, memory_bytes_max));
  assign(remote.disk_path, queue->text("disk_path"));
  const auto disk = queue->integer("disk_max_size", 0, disk_bytes_max);
  if (disk && *disk != 0 && *disk < disk_bytes_min) {
    queue->error("disk_max_size", queue->name_of("disk_max_size") + " must be 0 or at least " +
                                      std::to_string(disk_bytes_min) + ", not " +
                                      shown(*queue->raw("disk_max_size")));
  }
  assign(remote.disk_max_size, disk);
  if (remote.min_backoff > remote.max_backoff) {
    queue->error("min_backoff", queue->name_of("min_backoff") + " is longer than max_backoff");
  }
  // They are about memory that is not used so here.
  static constexpr std::array<std::string_view, 2> without_effect{"capacity", "min_shards"};
  queue->ignore(without_effect);
  queue->finish();
}

void read_proxy(Section& section, ReceiverConfig& remote) {
  if (const auto url = section.text("proxy_url")) {
    remote.proxy_url = *url;
    remote.proxy_shown_as = shown_handle(*section.raw("proxy_url"));
  }
  if (const auto hosts = section.text("no_proxy")) {
    std::string host;
    for (const char c : *hosts + ",") {
      if (c != ',' && c != ' ') {
        host += c;
      } else if (!host.empty()) {
        remote.no_proxy.push_back(std::exchange(host, {}));
      }
    }
  }
}

/// Keys whose values are paths.
constexpr std::array<std::string_view, 8> path_keys{
    "username_file", "password_file", "credentials_file", "bearer_token_file",
    "ca_file",       "cert_file",     "key_file",         "client_secret_file"};

/// A receiver without a name is called by its host, and by more where that is taken.
std::string name_of(const ReceiverConfig& remote, const std::vector<std::string>& others) {
  const auto is_taken = [&](const std::string& name) {
    return std::find(others.begin(), others.end(), name) != others.end();
  };
  std::string name =
      remote.url_shown_as.empty() ? std::string(authority_of(remote.url)) : remote.url_shown_as;
  if (is_taken(name)) {
    name += "-";
    constexpr unsigned digits = 6;
    base::append_hex(name, base::fnv1a(remote.url), digits);
  }
  return name;
}

}  // namespace

void read_receiver(Section& section, ReceiverConfig& receiver) {
  assign(receiver.name, section.text("name"));
  if (section.raw("url") == nullptr) {
    section.error("", section.name_of("url") + " is missing");
  }
  read_receiver_url(section, "url", receiver.url, receiver.url_shown_as);
  assign(receiver.remote_timeout, read_duration(section, "remote_timeout", {one_ms, hour}));
  assign(receiver.follow_redirects, section.boolean("follow_redirects"));
  read_headers(section, receiver);
  read_who_asks(section, receiver);
  read_proxy(section, receiver);
  read_queue(section, receiver);
}

void read_external_labels(Section& section, std::string_view key,
                          std::vector<std::pair<std::string, std::string>>& external_labels) {
  const auto labels = section.text_map(key);
  if (!labels) {
    return;
  }
  const std::string where = section.name_of(key);
  if (labels->size() > labels_max) {
    section.error(key, where + " must be at most " + std::to_string(labels_max) + " labels");
    return;
  }
  for (const auto& [name, value] : *labels) {
    if (!base::is_label_name(name) || name == "__name__" || name == "le" || name == "quantile") {
      section.error(key,
                    where + " -> " + name +
                        " must be the name of a label: letters, digits and \"_\", no digit first, "
                        "and none of __name__, le, quantile");
    } else if (value.size() > label_bytes_max) {
      section.error(key, where + " -> " + name + " must have at most " +
                             std::to_string(label_bytes_max) + " bytes");
    }
  }
  external_labels = *labels;
}

std::optional<std::vector<Section>> receiver_sections(Section& section, std::string_view name,
                                                      Value& alone) {
  const Value* const value = section.raw(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  std::optional<std::vector<Section>> sections;
  if (value->kind == Value::Kind::scalar) {
    alone.kind = Value::Kind::map;
    alone.line = value->line;
    alone.column = value->column;
    alone.members.push_back({"url", value->line, value->column, *value});
    sections.emplace().emplace_back(alone, section.file(), section.diagnostics(),
                                    section.name_of(name));
  } else {
    sections = section.sections(name);
  }
  if (sections && sections->size() > receivers_max) {
    section.error(name, section.name_of(name) + " must have at most " +
                            std::to_string(receivers_max) + " receivers, not " +
                            std::to_string(sections->size()));
    return std::nullopt;
  }
  return sections;
}

void name_receiver(Section& section, ReceiverConfig& receiver, std::vector<std::string>& taken) {
  if (receiver.name.empty()) {
    receiver.name = name_of(receiver, taken);
  }
  if (std::find(taken.begin(), taken.end(), receiver.name) != taken.end()) {
    section.error("name", section.name_of("name") +
                              " must be one that no other receiver has, not \"" + receiver.name +
                              '"');
  }
  taken.push_back(receiver.name);
}

void settle_receivers(Value& value, const std::filesystem::path& folder) {
  for (Value& item : value.items) {
    settle_receivers(item, folder);
  }
  for (Value::Member& member : value.members) {
    const bool is_path = member.key == "disk_path" || std::find(path_keys.begin(), path_keys.end(),
                                                                member.key) != path_keys.end();
    if (is_path && member.value.kind == Value::Kind::scalar && !member.value.text.empty()) {
      member.value.text = (folder / member.value.text).string();
    } else {
      settle_receivers(member.value, folder);
    }
  }
}

}  // namespace heapwatch::config
