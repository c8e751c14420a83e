#include "pprof/web/site.h"

#include <algorithm>
#include <array>

#include "pprof/encode.h"
#include "pprof/flame/page.h"
#include "pprof/gunzip.h"

namespace heapwatch::pprof::web {

std::string_view site_script();
std::string_view site_style();

namespace {

using base::Result;
using flame::append_json_string;

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

Reply redirect(int status, const std::string& to, std::string_view query) {
  Reply reply = text_reply(status, "see " + to);
  reply.headers.emplace_back("Location", query.empty() ? to : to + "?" + std::string(query));
  return reply;
}

Reply asset(std::string_view type, std::string_view content) {
  return {200, std::string(type), std::string(content), {{"Cache-Control", "max-age=3600"}}};
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  append_json_string(out, name);
  out += ':';
  append_json_string(out, text);
  out += ',';
}

void append_list(std::string& out, std::string_view name, const std::vector<std::string>& texts) {
  append_json_string(out, name);
  out += ":[";
  for (const std::string& text : texts) {
    if (&text != texts.data()) {
      out += ',';
    }
    append_json_string(out, text);
  }
  out += "],";
}

/// The rows of a table as pprof's pages name their columns.
std::string rows_of(const Table& table) {
  std::string out = "\"total\":";
  append_json_string(out, table.text(table.total));
  out += ",\"totalNumber\":" + std::to_string(table.total) + ",\"rows\":[";
  for (const TableRow& row : table.rows) {
    if (&row != table.rows.data()) {
      out += ',';
    }
    out += '{';
    append_member(out, "Name", row.name);
    append_member(out, "InlineLabel", row.inline_label);
    append_member(out, "FlatFormat", table.text(row.flat));
    append_member(out, "CumFormat", table.text(row.cum));
    out += "\"Flat\":" + std::to_string(row.flat) + ",\"Cum\":" + std::to_string(row.cum) + "}";
  }
  return out + "],";
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
    return redirect(307, "/ui", query);
  }
  if (path == "/ui" || path == root) {
    return redirect(301, "/ui/flamegraph", query);
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
    return redirect(301, "/ui/flamegraph", query);
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
void Site::append_frame(std::string& out, const Page& page, const ReportOptions& options) const {
  const Profile& profile = session_.profile();
  append_member(out, "page", page.name);
  append_member(out, "title", page.title);
  std::vector<std::string> types;
  for (const ValueType& type : profile.sample_types) {
    types.emplace_back(profile.text(type.type));
  }
  append_list(out, "types", types);
  if (const auto index = find_sample_index(profile, options.sample_index)) {
    append_member(out, "type", types[*index]);
  }
  const auto configs = settings_.list();
  append_list(out, "problems",
              configs ? std::vector<std::string>() : std::vector{configs.error().message});
  out += "\"configs\":[";
  for (const SavedConfig& config : configs ? *configs : std::vector<SavedConfig>()) {
    out += out.back() == '[' ? "{" : ",{";
    append_member(out, "name", config.name);
    append_json_string(out, "query");
    out += ':';
    append_json_string(out, config.query);
    out += '}';
  }
  out += "],\"options\":[";
  bool is_first = true;
  for (const Option& option : all_options()) {
    if (option.url.empty()) {
      continue;
    }
    out += is_first ? "{" : ",{";
    is_first = false;
    append_member(out, "name", option.name);
    append_member(out, "url", option.url);
    append_member(out, "value", option_value(options, option));
    append_json_string(out, "help");
    out += ':';
    append_json_string(out, option.help);
    out += '}';
  }
  out += "],";
}

Result<std::string> Site::flame_data(ReportOptions options, const Warn& warn) const {
  const std::lock_guard lock(one_report_);
  const auto source = flame::prepare(session_.profile(), std::move(options), warn);
  if (!source) {
    return tl::unexpected(source.error());
  }
  std::string out;
  append_list(out, "legend", source->labels);
  return out + "\"flame\":" + flame::make_data(*source, false) + ",";
}

/// The graph as a picture, or why there is none and the flame graph.
Result<std::string> Site::graph_data(const ReportOptions& options, const ReportSeams& seams) const {
  // Other pages are served while the picture is drawn.
  const auto report = [&] {
    const std::lock_guard lock(one_report_);
    return session_.report({ReportKind::dot, "", options}, seams);
  };
  auto dot = report();
  if (!dot) {
    return dot;
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
    return flame_data(options, [](const std::string&) {});
  }
  std::string out;
  if (auto labels = describe_profile(session_.profile(), options)) {
    append_list(out, "legend", *labels);
  }
  append_member(out, "svg", *picture);
  return out;
}

/// The members of the page's JSON that hold the report.
Result<std::string> Site::page_data(const Page& page, const Query& query, ReportOptions options,
                                    Warn warn) const {
  ReportSeams seams = seams_;
  seams.warn = std::move(warn);
  if (page.name == "flamegraph") {
    return flame_data(std::move(options), seams.warn);
  }
  if (page.name == "graph") {
    return graph_data(options, seams);
  }
  const std::lock_guard lock(one_report_);
  std::string out;
  if (page.name == "top") {
    if (options.nodecount == -1) {
      options.nodecount = rows_max;
    }
    const auto table = session_.table({ReportKind::text, "", options}, seams);
    if (!table) {
      return tl::unexpected(table.error());
    }
    append_list(out, "legend", table->labels);
    return out + rows_of(*table);
  }
  const std::string pattern = value_of(query, "f");
  auto labels = describe_profile(session_.profile(), options);
  if (labels) {
    append_list(out, "legend", *labels);
  }
  if (pattern.empty()) {
    return out;
  }
  if (page.name == "peek") {
    options.granularity = Granularity::lines;
  }
  const ReportKind kind = page.name == "peek" ? ReportKind::peek : ReportKind::list;
  auto text = session_.report({kind, pattern, options}, seams);
  if (!text) {
    return tl::unexpected(text.error());
  }
  shorten(*text, seams.warn);
  append_member(out, "text", *text);
  return out;
}

Reply Site::show(const Page& page, const Request& request) const {
  const Query query = base::parse_query(request.query);
  const auto options = read_options(query);
  std::vector<std::string> warnings;
  const auto warn = [&](const std::string& text) { warnings.push_back(text); };
  Result<std::string> members;
  if (options) {
    members = page_data(page, query, *options, warn);
  } else {
    members = tl::unexpected(options.error());
  }
  if (!members && !request.wants_page) {
    return text_reply(400, members.error().message);
  }
  std::string data = "{" + members.value_or("");
  append_member(data, "error", members ? "" : members.error().message);
  append_list(data, "warnings", warnings);
  append_frame(data, page, options.value_or(defaults_));
  data.back() = '}';
  Reply reply;
  if (!members) {
    reply.status = 400;
  }
  reply.headers = {{"Content-Security-Policy",
                    "default-src 'none'; script-src 'self'; style-src 'self' "
                    "'unsafe-inline'; img-src 'self' data:; connect-src 'self'; form-action "
                    "'self'; base-uri 'none'; "
                    "frame-ancestors 'none'"},
                   {"Cache-Control", "no-store"},
                   {"Referrer-Policy", "no-referrer"}};
  reply.body =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
      std::string(page.title) +
      " - heapwatch pprof</title>\n"
      "<link rel=\"icon\" href=\"data:,\">\n"
      "<link rel=\"stylesheet\" href=\"assets/flame.css\">\n"
      "<link rel=\"stylesheet\" href=\"assets/site.css\">\n</head>\n<body>\n"
      "<header id=\"bar\"></header>\n<main id=\"content\"></main>\n"
      "<script type=\"application/json\" id=\"page-data\">" +
      data + "</script>\n";
  if (page.name == "flamegraph" || page.name == "graph") {
    reply.body += "<script src=\"assets/flame.js\"></script>\n";
  }
  reply.body += "<script src=\"assets/site.js\"></script>\n</body>\n</html>\n";
  return reply;
}

}  // namespace heapwatch::pprof::web
