#include <array>
#include <chrono>

#include "config/duration.h"
#include "config/receiver_options.h"

namespace heapwatch::config {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds metadata_interval_max{24 * 3'600'000};

void read_protobuf_message(Section& section, RemoteWriteConfig& remote) {
  static constexpr std::array<std::pair<std::string_view, bool>, 2> words{
      {{"prometheus.WriteRequest", false}, {"io.prometheus.write.v2.Request", true}}};
  assign(remote.version_2, section.one_of<bool>("protobuf_message", words));
}

void read_metadata(Section& section, RemoteWriteConfig& remote) {
  auto metadata = section.section("metadata_config");
  if (!metadata) {
    return;
  }
  constexpr milliseconds second{1'000};
  assign(remote.send_metadata, metadata->boolean("send"));
  assign(remote.metadata_interval,
         read_duration(*metadata, "send_interval", {second, metadata_interval_max}));
  static constexpr std::array<std::string_view, 1> without_effect{"max_samples_per_send"};
  metadata->ignore(without_effect);
  metadata->finish();
}

/// What would change what is sent, or how safely, is obeyed or refused.
void refuse_the_unknown(Section& section) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> refused{{
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

RemoteWriteConfig read_endpoint(Section& section) {
  RemoteWriteConfig remote;
  read_receiver(section, remote);
  read_protobuf_message(section, remote);
  read_external_labels(section, "external_labels", remote.external_labels);
  read_metadata(section, remote);
  (void)section.raw("write_relabel_configs");  // read by who knows of rules
  refuse_the_unknown(section);
  section.finish();
  return remote;
}

}  // namespace

void read_remote_write(Section& section, std::string_view name, AgentDraft& /*draft*/) {
  (void)read_receivers<RemoteWriteConfig>(section, name, read_endpoint);
}

std::vector<RemoteWriteConfig> remote_write_of(const Value& settings) {
  Diagnostics said_before;
  Section section(settings, "", said_before);
  return read_receivers<RemoteWriteConfig>(section, "remote_write", read_endpoint);
}

}  // namespace heapwatch::config
