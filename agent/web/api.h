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
#include <string_view>
#include <vector>

#include "agent/web/lists_json.h"
#include "agent/web/sites.h"
#include "agent/web/verdicts.h"
#include "agent/web/watches.h"
#include "history/archive.h"
#include "net/routes.h"

namespace heapwatch::agent::web {

struct Suspects;  // api_json.h

struct ApiSources {
  std::filesystem::path history;
  std::function<std::vector<Verdict>()> verdicts;
  std::function<std::vector<CheckVerdict>()> check_verdicts;
  std::function<std::int64_t()> clock;  // ms since 1970
  /// Why the history stands still; empty: it does not.
  std::function<std::string()> trouble;
  /// Processes that are watched because somebody asks for it; null: nobody may.
  Watches* watches = nullptr;
  std::string version;  // of heapwatch
  /// Whether values come. Where none do, the last moment of the history is taken for now.
  bool is_live = true;
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
  [[nodiscard]] base::Result<net::ServerReply> targets(history::Archive& archive,
                                                       const net::ServerRequest& request);
  [[nodiscard]] base::Result<net::ServerReply> checks(history::Archive& archive,
                                                      const net::ServerRequest& request);
  [[nodiscard]] base::Result<net::ServerReply> list(
      history::Archive& archive, const net::ServerRequest& request, std::string_view kind,
      const std::vector<std::string_view>& series,
      const std::function<std::string(const Listing&, const std::vector<ListedLife>&)>& write);
  [[nodiscard]] base::Result<net::ServerReply> memory(history::Archive& archive,
                                                      const net::ServerRequest& request);
  [[nodiscard]] base::Result<net::ServerReply> growth(history::Archive& archive,
                                                      const net::ServerRequest& request);
  [[nodiscard]] base::Result<net::ServerReply> suspects(history::Archive& archive,
                                                        const net::ServerRequest& request);
  [[nodiscard]] base::Result<net::ServerReply> profile(history::Archive& archive,
                                                       const net::ServerRequest& request);
  /// An incident file.
  [[nodiscard]] base::Result<net::ServerReply> save(history::Archive& archive,
                                                    const net::ServerRequest& request);
  /// Begins or ends to watch a process, by a POST.
  [[nodiscard]] net::ServerReply watch(const net::ServerRequest& request) const;
  [[nodiscard]] net::ServerReply watched() const;

  /// The verdict on a process: as it is now, or of a file as it was told last.
  [[nodiscard]] base::Result<std::optional<Verdict>> verdict_on(history::Archive& archive,
                                                                const history::Life& life) const;
  /// Now, or the last moment of a history to which nothing is added.
  [[nodiscard]] std::int64_t clock(history::Archive& archive) const;
  /// `wide`: the usual length of a span, up to `now`. Units: ms.
  [[nodiscard]] static base::Result<history::Span> span_of(const net::ServerRequest& request,
                                                           std::int64_t now, std::int64_t wide);

  /// sites_of(), of which those asked for last are kept: pages ask again and again.
  [[nodiscard]] base::Result<std::shared_ptr<const Sites>> known_sites(
      history::Archive& archive, std::int64_t profile, std::optional<std::int64_t> base);
  /// Of the newest profile of a kind, with what the sites held in those before it; nothing where
  /// there is none.
  [[nodiscard]] base::Result<std::optional<Suspects>> suspects_of(
      history::Archive& archive, const std::vector<history::ProfileInfo>& profiles,
      const std::string& kind, std::size_t most);

  ApiSources sources_;
  std::mutex mutex_;  // what follows
  std::map<std::pair<std::int64_t, std::int64_t>, std::shared_ptr<const Sites>> sites_;
  std::vector<std::unique_ptr<history::Archive>> idle_;
};

}  // namespace heapwatch::agent::web
