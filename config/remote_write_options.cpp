#include "config/remote_write_options.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "config/duration.h"
#include "config/remote_write_access.h"

namespace heapwatch::config {

namespace {

using std::chrono::milliseconds;
using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr milliseconds one_ms{1};
constexpr milliseconds hour{3'600'000};
constexpr milliseconds year{std::int64_t{365} * 24 * 3'600'000};
constexpr std::size_t endpoints_max = 16;
constexpr std::size_t labels_max = 64;
constexpr std::size_t label_bytes_max = 4096;
constexpr std::int64_t shards_max = 10'000;
constexpr std::uint16_t shards_used_max = 12;  // more are no faster
constexpr std::int64_t samples_max = 100'000;
constexpr std::int64_t memory_bytes_min = std::int64_t{1} << 20U;
constexpr std::int64_t memory_bytes_max = std::int64_t{1} << 34U;
constexpr std::int64_t disk_bytes_min = std::int64_t{1} << 20U;
constexpr std::int64_t disk_bytes_max = std::int64_t{1} << 44U;

// --- what is sent

/// They say how the message is to be read, who asks, and how the connection is used.
constexpr std::array<std::string_view, 14> reserved_headers{
    "authorization",    "host",       "content-encoding",   "content-length",
    "content-type",     "user-agent", "transfer-encoding",  "x-prometheus-remote-write-version",
    "connection",       "keep-alive", "proxy-authenticate", "proxy-authorization",
    "www-authenticate", "expect"};

void read_headers(Section& section, RemoteWriteConfig& remote) {
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

bool is_label_name(std::string_view name) {
  return !name.empty() && (std::isdigit(static_cast<unsigned char>(name.front())) == 0) &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return c < 0x80 && (std::isalnum(c) != 0 || c == '_');
         });
}

void read_external_labels(Section& section, RemoteWriteConfig& remote) {
  const auto labels = section.text_map("external_labels");
  if (!labels) {
    return;
  }
  const std::string where = section.name_of("external_labels");
  if (labels->size() > labels_max) {
    section.error("external_labels",
                  where + " must be at most " + std::to_string(labels_max) + " labels");
    return;
  }
  for (const auto& [name, value] : *labels) {
    if (!is_label_name(name) || name == "__name__" || name == "le" || name == "quantile") {
      section.error("external_labels",
                    where + " -> " + name +
                        " must be the name of a label: letters, digits and \"_\", no digit first, "
                        "and none of __name__, le, quantile");
    } else if (value.size() > label_bytes_max) {
      section.error("external_labels", where + " -> " + name + " must have at most " +
                                           std::to_string(label_bytes_max) + " bytes");
    }
  }
  remote.external_labels = *labels;
}

void read_protobuf_message(Section& section, RemoteWriteConfig& remote) {
  static constexpr std::array<std::pair<std::string_view, bool>, 2> words{
      {{"prometheus.WriteRequest", false}, {"io.prometheus.write.v2.Request", true}}};
  assign(remote.version_2, section.one_of<bool>("protobuf_message", words));
}

// --- when it is sent

void read_queue(Section& section, RemoteWriteConfig& remote) {
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

void read_metadata(Section& section, RemoteWriteConfig& remote) {
  auto metadata = section.section("metadata_config");
  if (!metadata) {
    return;
  }
  constexpr milliseconds second{1'000};
  assign(remote.send_metadata, metadata->boolean("send"));
  assign(remote.metadata_interval, read_duration(*metadata, "send_interval", {second, 24 * hour}));
  static constexpr std::array<std::string_view, 1> without_effect{"max_samples_per_send"};
  metadata->ignore(without_effect);
  metadata->finish();
}

/// What would change what is sent, or how safely, is obeyed or refused.
void refuse_the_unknown(Section& section) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> refused{{
      {"write_relabel_configs", "leave series out at the receiver, or in conf.d"},
      {"sigv4", "send through a proxy that signs"},
      {"azuread", "use oauth2"},
      {"google_iam", "use oauth2, or credentials_file"},
      {"proxy_from_environment", "use proxy_url"},
  }};
  for (const auto& [name, instead] : refused) {
    if (const Value* const value = section.raw(name); value != nullptr && value->text != "false") {
      section.error(name, section.name_of(name) + " is not supported; " + std::string(instead));
    }
  }
  // Of what heapwatch has none of.
  static constexpr std::array<std::string_view, 4> without_effect{
      "send_exemplars", "send_native_histograms", "enable_http2", "round_robin_dns"};
  section.ignore(without_effect);
}

void read_proxy(Section& section, RemoteWriteConfig& remote) {
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

RemoteWriteConfig read_endpoint(Section& section) {
  RemoteWriteConfig remote;
  assign(remote.name, section.text("name"));
  if (section.raw("url") == nullptr) {
    section.error("", section.name_of("url") + " is missing");
  }
  read_receiver_url(section, "url", remote.url, remote.url_shown_as);
  assign(remote.remote_timeout, read_duration(section, "remote_timeout", {one_ms, hour}));
  assign(remote.follow_redirects, section.boolean("follow_redirects"));
  read_protobuf_message(section, remote);
  read_headers(section, remote);
  read_external_labels(section, remote);
  read_who_asks(section, remote);
  read_proxy(section, remote);
  read_queue(section, remote);
  read_metadata(section, remote);
  refuse_the_unknown(section);
  section.finish();
  return remote;
}

/// A receiver without a name is called by its host, and by more where that is taken.
std::string name_of(const RemoteWriteConfig& remote, const std::vector<RemoteWriteConfig>& others) {
  const auto is_taken = [&](const std::string& name) {
    return std::any_of(others.begin(), others.end(),
                       [&](const RemoteWriteConfig& other) { return other.name == name; });
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

std::vector<RemoteWriteConfig> read_receivers(Section& section, std::string_view name) {
  const Value* const value = section.raw(name);
  std::vector<RemoteWriteConfig> all;
  if (value == nullptr) {
    return all;
  }
  Value alone;
  std::optional<std::vector<Section>> sections;
  if (value->kind == Value::Kind::scalar) {
    alone.kind = Value::Kind::map;
    alone.line = value->line;
    alone.column = value->column;
    alone.members.push_back({"url", value->line, value->column, *value});
    sections.emplace().emplace_back(alone, section.file(), section.diagnostics(),
                                    std::string(name));
  } else {
    sections = section.sections(name);
  }
  if (!sections) {
    return all;
  }
  if (sections->size() > endpoints_max) {
    section.error(name, std::string(name) + " must have at most " + std::to_string(endpoints_max) +
                            " receivers, not " + std::to_string(sections->size()));
    return all;
  }
  for (Section& one : *sections) {
    RemoteWriteConfig remote = read_endpoint(one);
    if (remote.name.empty()) {
      remote.name = name_of(remote, all);
    }
    if (std::any_of(all.begin(), all.end(),
                    [&](const RemoteWriteConfig& other) { return other.name == remote.name; })) {
      one.error("name", one.name_of("name") + " must be one that no other receiver has, not \"" +
                            remote.name + '"');
    }
    all.push_back(std::move(remote));
  }
  return all;
}

/// Keys whose values are paths.
constexpr std::array<std::string_view, 8> path_keys{
    "username_file", "password_file", "credentials_file", "bearer_token_file",
    "ca_file",       "cert_file",     "key_file",         "client_secret_file"};

}  // namespace

void read_remote_write(Section& section, std::string_view name, AgentDraft& /*draft*/) {
  (void)read_receivers(section, name);
}

std::vector<RemoteWriteConfig> remote_write_of(const Value& settings) {
  Diagnostics said_before;
  Section section(settings, "", said_before);
  return read_receivers(section, "remote_write");
}

void settle_remote_write(Value& value, const std::filesystem::path& folder) {
  for (Value& item : value.items) {
    settle_remote_write(item, folder);
  }
  for (Value::Member& member : value.members) {
    const bool is_path = member.key == "disk_path" || std::find(path_keys.begin(), path_keys.end(),
                                                                member.key) != path_keys.end();
    if (is_path && member.value.kind == Value::Kind::scalar && !member.value.text.empty()) {
      member.value.text = (folder / member.value.text).string();
    } else {
      settle_remote_write(member.value, folder);
    }
  }
}

}  // namespace heapwatch::config
