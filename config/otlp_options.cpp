#include "config/receiver_options.h"

namespace heapwatch::config {

namespace {

constexpr std::size_t attributes_max = 64;
constexpr std::size_t attribute_bytes_max = 4096;

void read_resource_attributes(Section& section, OtlpConfig& otlp) {
  const auto attributes = section.text_map("resource_attributes");
  if (!attributes) {
    return;
  }
  const std::string where = section.name_of("resource_attributes");
  if (attributes->size() > attributes_max) {
    section.error("resource_attributes",
                  where + " must be at most " + std::to_string(attributes_max) + " attributes");
    return;
  }
  for (const auto& [name, value] : *attributes) {
    if (name.empty() || name.size() + value.size() > attribute_bytes_max) {
      section.error("resource_attributes",
                    where + " -> " + name + " must have a name, and at most " +
                        std::to_string(attribute_bytes_max) + " bytes with its value");
    }
  }
  otlp.resource_attributes = *attributes;
}

OtlpConfig read_otlp_endpoint(Section& section) {
  OtlpConfig otlp;
  read_receiver(section, otlp);
  read_resource_attributes(section, otlp);
  section.finish();
  return otlp;
}

}  // namespace

void read_otlp(Section& section, std::string_view name, AgentDraft& /*draft*/) {
  (void)read_receivers<OtlpConfig>(section, name, read_otlp_endpoint);
}

std::vector<OtlpConfig> otlp_of(const Value& settings) {
  Diagnostics said_before;
  Section section(settings, "", said_before);
  return read_receivers<OtlpConfig>(section, "otlp", read_otlp_endpoint);
}

}  // namespace heapwatch::config
