#include "agent/web/request.h"

#include "base/query.h"
#include "base/text.h"

namespace heapwatch::agent::web {

namespace {

constexpr std::int64_t pid_max = std::int64_t{1} << 22U;  // of the kernel

}  // namespace

int status_of(base::ErrorKind kind) {
  switch (kind) {
    case base::ErrorKind::not_found:
      return 404;
    case base::ErrorKind::invalid:
      return 400;
    default:
      return 503;
  }
}

base::Result<std::int64_t> number_of(const net::ServerRequest& request, std::string_view key,
                                     std::int64_t absent, std::int64_t least, std::int64_t most) {
  return base::query_number(request.query, key, {.absent = absent, .least = least, .most = most});
}

base::Result<std::int64_t> pid_of(const net::ServerRequest& request, std::string_view route) {
  const std::string_view text = std::string_view{request.path}.substr(
      request.path.starts_with(route) ? route.size() : request.path.size());
  const std::optional<std::int64_t> pid = base::whole_number(text);
  if (!pid || *pid < 0 || *pid > pid_max) {
    return base::fail(base::ErrorKind::invalid, std::string(route) + " takes the pid of a process" +
                                                    " behind it, not \"" + std::string(text) +
                                                    "\"");
  }
  return *pid;
}

base::Result<history::Life> life_of(history::Archive& archive, const net::ServerRequest& request,
                                    std::string_view route) {
  constexpr std::int64_t most = std::int64_t{1} << 53U;  // what JavaScript counts to
  const base::Result<std::int64_t> chosen = number_of(request, "life", 0, 1, most);
  if (!chosen) {
    return tl::unexpected(chosen.error());
  }
  const base::Result<std::int64_t> pid = pid_of(request, route);
  if (!pid) {
    return tl::unexpected(pid.error());
  }
  base::Result<std::optional<history::Life>> life =
      *chosen != 0 ? archive.life(*chosen) : archive.life_of_process(*pid);
  if (!life) {
    return tl::unexpected(life.error());
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
