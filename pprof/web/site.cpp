#include "pprof/web/site.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "pprof/encode.h"
#include "pprof/flame/page.h"
#include "pprof/gunzip.h"

namespace heapwatch::pprof::web {

std::string_view site_script();
std::string_view site_style();

namespace {

using base::JsonWriter;
using base::Result;

constexpr std::int64_t rows_max = 500;
constexpr std::size_t text_bytes_max = std::size_t{4} << 20U;  // more is nothing to look at
constexpr std::string_view root = "/ui/";

std::string value_of(const Query& query, std::string_view name) {
  const auto found =
      std::find_if(query.begin(), query.end(), [&](const auto& it) { return it.first == name; });
  return found == query.end() ? "" : found->second;
}

Reply text_reply(int status, std::string text) {
  return {status, "text/plain; charset=utf-8", std::move(text) + "\n", {}};
}

/// To an address beside that of the request, so that it holds behind a path of another server, too.
Reply redirect(int status, const std::string& to, std::string_view query) {
  Reply reply = text_reply(status, "see " + to);
  reply.headers.emplace_back("Location", query.empty() ? to : to + "?" + std::string(query));
  return reply;
}

Reply asset(std::string_view type, std::string_view content) {
  return {200, std::string(type), std::string(content), {{"Cache-Control", "max-age=3600"}}};
}

std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  }
  return out;
}

/// The rows of a table as pprof's pages name their columns.
void write_rows(JsonWriter& json, const Table& table) {
  json.member("total", table.text(table.total));
  json.member("totalNumber", table.total);
  json.key("rows");
  json.begin_array();
  for (const TableRow& row : table.rows) {
    json.begin_object();
    json.member("Name", row.name);
    json.member("InlineLabel", row.inline_label);
    json.member("FlatFormat", table.text(row.flat));
    json.member("CumFormat", table.text(row.cum));
    json.member("Flat", row.flat);
    json.member("Cum", row.cum);
    json.end_object();
  }
  json.end_array();
}

/// Cuts a text that is too long for a page behind its last whole line.
void shorten(std::string& text, const Warn& warn) {
  if (text.size() <= text_bytes_max) {
    return;
  }
  warn("this is the start of a report of " + std::to_string(text.size() >> 20U) +
       " MB; an expression that names fewer functions shows the rest");
  text.resize(text.rfind('\n', text_bytes_max - 1) + 1);
}

}  // namespace

struct Site::Page {
  std::string_view name;
  std::string_view title;
};

Site::Site(const Session& session, ReportOptions defaults, ReportSeams seams, Settings settings,
           DrawGraph draw_graph)
    : session_(session),
      defaults_(std::move(defaults)),
      seams_(std::move(seams)),
      settings_(std::move(settings)),
      draw_graph_(std::move(draw_graph)) {}

Reply Site::answer(const Request& request) const {
  std::string_view path = request.path;
  const std::string_view query = request.query;
  static constexpr auto pages = std::to_array<Page>({{"top", "Top"},
                                                     {"graph", "Graph"},
                                                     {"flamegraph", "Flame graph"},
                                                     {"peek", "Peek"},
                                                     {"source", "Source"}});
  if (path == "/") {
    return redirect(307, "ui", query);
  }
  if (path == "/ui") {
    return redirect(301, "ui/flamegraph", query);
  }
  if (path == root) {
    return redirect(301, "flamegraph", query);
  }
  if (!path.starts_with(root)) {
    return text_reply(404, "no such page; pages are below /ui/");
  }
  path.remove_prefix(root.size());
  for (const Page& page : pages) {
    if (page.name == path) {
      return show(page, request);
    }
  }
  if (path == "flamegraph2" || path == "flamegraphold") {
    return redirect(301, "flamegraph", query);
  }
  if (path == "download") {
    return download();
  }
  if (path == "saveconfig" || path == "deleteconfig") {
    return change_configs(request);
  }
  if (path == "disasm") {
    return text_reply(501,
                      "instructions need the program itself, which is not read here; "
                      "/ui/source shows source lines");
  }
  constexpr std::string_view javascript = "text/javascript; charset=utf-8";
  constexpr std::string_view css = "text/css; charset=utf-8";
  if (path == "assets/site.js") {
    return asset(javascript, site_script());
  }
  if (path == "assets/site.css") {
    return asset(css, site_style());
  }
  if (path == "assets/flame.js") {
    return asset(javascript, flame::script());
  }
  if (path == "assets/text.js") {
    return asset(javascript, flame::text_script());
  }
  if (path == "assets/flame.css") {
    return asset(css, flame::style());
  }
  return text_reply(404, "no such page; there are top, graph, flamegraph, peek and source");
}

Result<ReportOptions> Site::read_options(const Query& query) const {
  ReportOptions options = defaults_;
  for (const Option& option : all_options()) {
    if (option.url.empty()) {
      continue;
    }
    for (const auto& [name, value] : query) {
      if (name != option.url || value.empty()) {
        continue;
      }
      if (auto set = set_option(options, option, value); !set) {
        return tl::unexpected(set.error());
      }
    }
  }
  return options;
}

Reply Site::download() const {
  Reply reply;
  reply.type = "application/vnd.google.protobuf+gzip";
  reply.headers.emplace_back("Content-Disposition", "attachment;filename=profile.pb.gz");
  reply.body = gzip(encode_proto(session_.profile()));
  return reply;
}

Reply Site::change_configs(const Request& request) const {
  if (!request.is_post) {
    Reply reply = text_reply(405, "this changes saved options; ask with POST");
    reply.headers.emplace_back("Allow", "POST");
    return reply;
  }
  if (!request.is_own) {
    return text_reply(403, "another site asked for this; only these pages may");
  }
  const bool is_removal = request.path.ends_with("/deleteconfig");
  const Query query = base::parse_query(request.query);
  const std::string name = value_of(query, "config");
  const auto options = read_options(query);
  if (!options) {
    return text_reply(400, options.error().message);
  }
  const std::lock_guard lock(one_report_);
  const auto done = is_removal ? settings_.remove(name) : settings_.save(name, *options);
  if (!done) {
    return text_reply(400, done.error().message);
  }
  return text_reply(200, is_removal ? "deleted" : "saved");
}

/// What all pages know: where they are, and what can be chosen.
void Site::write_frame(JsonWriter& json, const Page& page, const ReportOptions& options) const {
  const Profile& profile = session_.profile();
  json.member("page", page.name);
  json.member("title", page.title);
  std::vector<std::string> types;
  for (const ValueType& type : profile.sample_types) {
    types.emplace_back(profile.text(type.type));
  }
  json.member("types", types);
  if (const auto index = find_sample_index(profile, options.sample_index)) {
    json.member("type", types[*index]);
  }
  const auto configs = settings_.list();
  json.member("problems",
              configs ? std::vector<std::string>() : std::vector{configs.error().message});
  json.objects("configs", configs ? *configs : std::vector<SavedConfig>(),
               [&](const SavedConfig& config) {
                 json.member("name", config.name);
                 json.member("query", config.query);
               });
  json.key("options");
  json.begin_array();
  for (const Option& option : all_options()) {
    if (option.url.empty()) {
      continue;
    }
    json.begin_object();
    json.member("name", option.name);
    json.member("url", option.url);
    json.member("value", option_value(options, option));
    json.member("help", option.help);
    json.end_object();
  }
  json.end_array();
}

Result<void> Site::write_flame(JsonWriter& json, ReportOptions options, const Warn& warn) const {
  const std::lock_guard lock(one_report_);
  const auto source = flame::prepare(session_.profile(), std::move(options), warn);
  if (!source) {
    return tl::unexpected(source.error());
  }
  json.member("legend", source->labels);
  json.key("flame");
  json.raw(flame::make_data(*source, false));
  return {};
}

/// The graph as a picture, or why there is none and the flame graph.
Result<void> Site::write_graph(JsonWriter& json, const ReportOptions& options,
                               const ReportSeams& seams) const {
  // Other pages are served while the picture is drawn.
  const auto report = [&] {
    const std::lock_guard lock(one_report_);
    return session_.report({ReportKind::dot, "", options}, seams);
  };
  auto dot = report();
  if (!dot) {
    return tl::unexpected(dot.error());
  }
  // Letters of one width are as wide in the browser as they were taken for, whatever fonts there
  // are.
  constexpr std::string_view fixed =
      "\ngraph [fontname=Courier] node [fontname=Courier] edge [fontname=Courier]";
  dot->insert(dot->find('\n'), fixed);
  auto picture = draw_graph_
                     ? draw_graph_(*dot)
                     : base::fail(base::ErrorKind::not_found, "this program draws no graphs");
  if (!picture) {
    seams.warn("The graph cannot be drawn: " + picture.error().message +
               ". This is the flame graph.");
    return write_flame(json, options, [](const std::string&) {});
  }
  if (auto labels = describe_profile(session_.profile(), options)) {
    json.member("legend", *labels);
  }
  json.member("svg", *picture);
  return {};
}

Result<void> Site::write_report(JsonWriter& json, const Page& page, const Query& query,
                                ReportOptions options, Warn warn) const {
  ReportSeams seams = seams_;
  seams.warn = std::move(warn);
  if (page.name == "flamegraph") {
    return write_flame(json, std::move(options), seams.warn);
  }
  if (page.name == "graph") {
    return write_graph(json, options, seams);
  }
  const std::lock_guard lock(one_report_);
  if (page.name == "top") {
    if (options.nodecount == -1) {
      options.nodecount = rows_max;
    }
    const auto table = session_.table({ReportKind::text, "", options}, seams);
    if (!table) {
      return tl::unexpected(table.error());
    }
    json.member("legend", table->labels);
    write_rows(json, *table);
    return {};
  }
  const std::string pattern = value_of(query, "f");
  const auto labels = describe_profile(session_.profile(), options);
  Result<std::string> text;
  if (!pattern.empty()) {
    if (page.name == "peek") {
      options.granularity = Granularity::lines;
    }
    const ReportKind kind = page.name == "peek" ? ReportKind::peek : ReportKind::list;
    text = session_.report({kind, pattern, options}, seams);
    if (!text) {
      return tl::unexpected(text.error());
    }
    shorten(*text, seams.warn);
  }
  if (labels) {
    json.member("legend", *labels);
  }
  if (!pattern.empty()) {
    json.member("text", *text);
  }
  return {};
}

Reply Site::show(const Page& page, const Request& request) const {
  const Query query = base::parse_query(request.query);
  const auto options = read_options(query);
  std::vector<std::string> warnings;
  const auto warn = [&](const std::string& text) { warnings.push_back(text); };
  std::string data;
  JsonWriter json(data, {.escapes = base::JsonEscapes::page});
  json.begin_object();
  Result<void> written;
  if (options) {
    written = write_report(json, page, query, *options, warn);
  } else {
    written = tl::unexpected(options.error());
  }
  if (!written && !request.wants_page) {
    return text_reply(400, written.error().message);
  }
  json.member("error", written ? "" : written.error().message);
  json.member("warnings", warnings);
  write_frame(json, page, options.value_or(defaults_));
  json.end_object();
  Reply reply;
  if (!written) {
    reply.status = 400;
  }
  reply.headers = {{"Content-Security-Policy",
                    "default-src 'none'; script-src 'self'; style-src 'self' "
                    "'unsafe-inline'; img-src 'self' data:; connect-src 'self'; form-action "
                    "'self'; base-uri 'none'; "
                    "frame-ancestors 'none'"},
                   {"Cache-Control", "no-store"},
                   {"Referrer-Policy", "no-referrer"}};
  const auto labels = describe_profile(session_.profile(), options.value_or(defaults_));
  reply.body =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
      html_text(flame::page_title(labels.value_or(std::vector<std::string>()), page.title)) +
      " - heapwatch pprof</title>\n"
      "<link rel=\"icon\" href=\"data:,\">\n"
      "<link rel=\"stylesheet\" href=\"assets/flame.css\">\n"
      "<link rel=\"stylesheet\" href=\"assets/site.css\">\n</head>\n<body>\n"
      "<header id=\"bar\"></header>\n<main id=\"content\"></main>\n"
      "<script type=\"application/json\" id=\"page-data\">" +
      data + "</script>\n";
  // What the flame graph brings has the texts in it.
  const bool has_flame = page.name == "flamegraph" || page.name == "graph";
  reply.body +=
      std::string("<script src=\"assets/") + (has_flame ? "flame" : "text") + ".js\"></script>\n";
  reply.body += "<script src=\"assets/site.js\"></script>\n</body>\n</html>\n";
  return reply;
}

}  // namespace heapwatch::pprof::web
