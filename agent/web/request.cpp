#include "agent/web/request.h"

#include "base/number.h"
#include "base/query.h"

namespace heapwatch::agent::web {

namespace {

std::optional<std::int64_t> whole(std::string_view text) {
  const std::optional<base::Number> number = base::parse_number(text);
  return number && number->is_integer() ? number->to_int64() : std::nullopt;
}

}  // namespace

base::Result<std::int64_t> number_of(const net::ServerRequest& request, std::string_view key,
                                     std::int64_t absent, std::int64_t least, std::int64_t most) {
  const std::optional<std::string> text = base::query_value(request.query, key);
  if (!text) {
    return absent;
  }
  const std::optional<std::int64_t> value = whole(*text);
  if (!value || *value < least || *value > most) {
    return base::fail(base::ErrorKind::invalid,
                      std::string(key) + " must be a whole number from " + std::to_string(least) +
                          " to " + std::to_string(most) + ", not \"" + *text + "\"");
  }
  return *value;
}

base::Result<history::Life> life_of(history::Archive& archive, const net::ServerRequest& request,
                                    std::string_view route) {
  constexpr std::int64_t most = std::int64_t{1} << 53U;  // what JavaScript counts to
  const base::Result<std::int64_t> chosen = number_of(request, "life", 0, 1, most);
  if (!chosen) {
    return tl::unexpected<base::Error>(chosen.error());
  }
  const std::string_view text = std::string_view{request.path}.substr(
      request.path.starts_with(route) ? route.size() : request.path.size());
  const std::optional<std::int64_t> pid = whole(text);
  if (!pid || *pid < 0) {
    return base::fail(base::ErrorKind::invalid, std::string(route) + " takes the pid of a process" +
                                                    " behind it, not \"" + std::string(text) +
                                                    "\"");
  }
  base::Result<std::optional<history::Life>> life =
      *chosen != 0 ? archive.life(*chosen) : archive.life_of_process(*pid);
  if (!life) {
    return tl::unexpected<base::Error>(life.error());
  }
  if (!*life) {
    return base::fail(base::ErrorKind::not_found,
                      *chosen != 0 ? "history has no life " + std::to_string(*chosen)
                                   : "history knows no process " + std::to_string(*pid) +
                                         "; the check memory must watch it");
  }
  return std::move(**life);
}

}  // namespace heapwatch::agent::web
