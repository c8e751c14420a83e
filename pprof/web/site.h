// The pages on which one profile is looked at in a browser.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/query.h"
#include "pprof/session.h"
#include "pprof/web/settings.h"

namespace heapwatch::pprof::web {

/// What is asked of the site.
struct Request {
  std::string_view path;
  std::string_view query;
  bool is_post = false;
  bool is_own =
      false;  // no other site made the browser ask, which pages that change something want
  bool wants_page = false;  // a wrong option is told on a page of the site, not as plain text
};

/// The answer to a request, for whatever server there is.
struct Reply {
  int status = 200;
  std::string type = "text/html; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

using base::Query;

/// Draws a graph in Graphviz's language as SVG. Empty: no graphs are drawn.
using DrawGraph = std::function<base::Result<std::string>(const std::string& dot)>;

/// Serves top, graph, flame graph, peek and source of a profile, with pprof's paths and parameters,
/// and keeps options under names.
/// Everything the pages need is in the program but what draws graphs, which is handed in. Where a
/// graph cannot be drawn, its page says why and shows the flame graph.
///
/// Threads: answer() may be called by several; reports are made one after the other, so that the
/// memory of one is enough. Graphs are drawn beside them.
/// Ownership: refers to the session.
class Site {
 public:
  Site(const Session& session, ReportOptions defaults, ReportSeams seams, Settings settings,
       DrawGraph draw_graph = {});

  /// Errors are replies: 400 with a sentence for a wrong option, 404 for a page that is not there.
  [[nodiscard]] Reply answer(const Request& request) const;

 private:
  struct Page;
  [[nodiscard]] base::Result<ReportOptions> read_options(const Query& query) const;
  /// The three write members of the page's data, or nothing and an error.
  [[nodiscard]] base::Result<void> write_report(base::JsonWriter& json, const Page& page,
                                                const Query& query, ReportOptions options,
                                                Warn warn) const;
  [[nodiscard]] base::Result<void> write_flame(base::JsonWriter& json, ReportOptions options,
                                               const Warn& warn) const;
  [[nodiscard]] base::Result<void> write_graph(base::JsonWriter& json, const ReportOptions& options,
                                               const ReportSeams& seams) const;
  [[nodiscard]] Reply show(const Page& page, const Request& request) const;
  [[nodiscard]] Reply download() const;
  [[nodiscard]] Reply change_configs(const Request& request) const;
  void write_frame(base::JsonWriter& json, const Page& page, const ReportOptions& options) const;

  const Session& session_;
  ReportOptions defaults_;
  ReportSeams seams_;
  Settings settings_;
  DrawGraph draw_graph_;
  mutable std::mutex one_report_;
};

}  // namespace heapwatch::pprof::web
