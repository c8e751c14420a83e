// /api/v1: what the history tells, for the page and for others. See docs/api.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/web/sites.h"
#include "history/archive.h"
#include "net/routes.h"

namespace heapwatch::agent::web {

/// What is known now, and not from the history: the verdict on a process.
struct Verdict {
  std::int64_t pid = 0;
  std::string verdict;     // "leak", "steady", ...
  std::string confidence;  // "high", "medium", "low"
  std::string sentence;
  std::vector<std::string> next;  // commands
};

struct ApiSources {
  std::filesystem::path history;
  std::function<std::vector<Verdict>()> verdicts;
  std::function<std::int64_t()> clock;  // ms since 1970
  /// Why the history stands still; empty: it does not.
  std::function<std::string()> trouble;
};

/// Threads: any. A few of them read the file at once, each by a reader of its own.
class Api {
 public:
  explicit Api(ApiSources sources) : sources_(std::move(sources)) {}

  /// This object must outlive whoever serves them.
  [[nodiscard]] std::vector<net::Route> routes();

 private:
  using Handler = base::Result<net::ServerReply> (Api::*)(history::Archive& archive,
                                                          const net::ServerRequest& request);
  class Lent;

  [[nodiscard]] net::ServerReply answer(const net::ServerRequest& request, Handler handler);
  [[nodiscard]] base::Result<net::ServerReply> processes(history::Archive& archive,
                                                         const net::ServerRequest& request);
  [[nodiscard]] base::Result<net::ServerReply> memory(history::Archive& archive,
                                                      const net::ServerRequest& request);
  [[nodiscard]] base::Result<net::ServerReply> growth(history::Archive& archive,
                                                      const net::ServerRequest& request);
  [[nodiscard]] base::Result<net::ServerReply> suspects(history::Archive& archive,
                                                        const net::ServerRequest& request);
  [[nodiscard]] base::Result<net::ServerReply> profile(history::Archive& archive,
                                                       const net::ServerRequest& request);

  [[nodiscard]] base::Result<history::Span> span_of(const net::ServerRequest& request,
                                                    std::int64_t wide) const;

  /// sites_of(), of which those asked for last are kept: pages ask again and again.
  [[nodiscard]] base::Result<Sites> known_sites(history::Archive& archive, std::int64_t profile,
                                                std::optional<std::int64_t> base, std::size_t most);

  ApiSources sources_;
  std::mutex mutex_;  // what follows
  std::map<std::pair<std::int64_t, std::int64_t>, Sites> sites_;
  std::vector<std::unique_ptr<history::Archive>> idle_;
};

}  // namespace heapwatch::agent::web
