// `write_relabel_configs` of remote write: the rules of discovery, over series.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "config/agent_config.h"
#include "config/value.h"
#include "exporters/prometheus/labels.h"

namespace heapwatch::agent::wiring {

using Relabel =
    std::function<std::optional<exporters::prometheus::Labels>(exporters::prometheus::Labels)>;

/// What is wrong with the rules goes to `diagnostics`. `file`: what `settings` were read from.
void check_write_relabel(const config::Value& settings, const std::string& file,
                         config::Diagnostics& diagnostics);

/// The rules of the receiver at this place of `remote_write`; null where it has none. Labels that
/// the rules make too large are not sent.
[[nodiscard]] Relabel write_relabel(const config::Value& settings, std::size_t receiver);

}  // namespace heapwatch::agent::wiring
