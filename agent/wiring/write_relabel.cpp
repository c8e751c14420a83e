#include "agent/wiring/write_relabel.h"

#include <utility>

#include "config/section.h"
#include "discovery/relabel/relabel.h"

namespace heapwatch::agent::wiring {

namespace {

namespace relabel = discovery::relabel;

constexpr const char* key = "write_relabel_configs";

const config::Value* receivers_of(const config::Value& settings) {
  const config::Value* const all = settings.find("remote_write");
  return all != nullptr && all->kind == config::Value::Kind::list ? all : nullptr;
}

}  // namespace

void check_write_relabel(const config::Value& settings, const std::string& file,
                         config::Diagnostics& diagnostics) {
  const config::Value* const all = receivers_of(settings);
  if (all == nullptr) {
    return;
  }
  for (const config::Value& one : all->items) {
    if (one.kind == config::Value::Kind::map) {
      config::Section section(one, file, diagnostics, "remote_write");
      (void)relabel::read_rules(section, key);
    }
  }
}

Relabel write_relabel(const config::Value& settings, std::size_t receiver) {
  const config::Value* const all = receivers_of(settings);
  if (all == nullptr || receiver >= all->items.size()) {
    return nullptr;
  }
  config::Diagnostics said_before;
  config::Section section(all->items[receiver], "", said_before);
  auto rules = relabel::read_rules(section, key);
  if (!rules || rules->empty()) {
    return nullptr;
  }
  return [rules = *std::move(rules)](exporters::prometheus::Labels labels) {
    auto made = relabel::apply(rules, std::move(labels));
    return made ? *std::move(made) : std::nullopt;
  };
}

}  // namespace heapwatch::agent::wiring
