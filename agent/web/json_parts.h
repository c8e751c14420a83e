// What answers of the API have in common.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/web/verdicts.h"
#include "base/json.h"
#include "history/archive.h"
#include "net/server_message.h"

namespace heapwatch::agent::web {

[[nodiscard]] net::ServerReply json_reply(std::string body);

/// One object with the member `schema`, and what `write` writes.
[[nodiscard]] std::string document(std::string_view schema,
                                   const std::function<void(base::JsonWriter&)>& write);

void write_numbered_life(base::JsonWriter& json, const history::Life& life);
void write_verdict(base::JsonWriter& json, const Verdict& verdict);
/// A member that is a column; values that are absent are null.
void write_values(base::JsonWriter& json, std::string_view name,
                  const std::vector<std::int64_t>& values);

/// Null when there is none.
[[nodiscard]] const history::Column* column_of(const history::Course& course,
                                               std::string_view series);
/// The last value that is there; absent when there is none.
[[nodiscard]] std::optional<std::int64_t> last_of(const history::Course& course,
                                                  std::string_view series);
/// What a running total grew by; where it fell it began anew. `from_zero`: the first value counts.
[[nodiscard]] std::int64_t increase_of(const history::Course& course, std::string_view series,
                                       bool from_zero);
[[nodiscard]] std::optional<std::int64_t> greatest_of(const history::Course& course,
                                                      std::string_view series);
/// Units of the value per hour: of the least in the first third to the least in the last third,
/// which a cycle of a collector does not move. Absent when there are too few, or too near.
[[nodiscard]] std::optional<std::int64_t> growth_per_hour(const history::Course& course,
                                                          std::string_view series);
/// The same per run, by the running total of runs.
[[nodiscard]] std::optional<double> growth_per_run(const history::Course& course,
                                                   std::string_view series);

}  // namespace heapwatch::agent::web
