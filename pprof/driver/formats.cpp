#include "pprof/driver/formats.h"

#include <algorithm>
#include <array>

namespace heapwatch::pprof {
namespace {

using F = Format;
using K = ReportKind;

constexpr std::array<FormatInfo, 27> formats = {{
    {F::callgrind, "callgrind", K::callgrind, true, false, ".callgraph.out", "For kcachegrind"},
    {F::comments, "comments", K::comments, true, false, "", "The comments of the profile"},
    {F::disasm, "disasm", K::list, false, true, "", "Instructions of functions that match"},
    {F::dot, "dot", K::dot, true, false, "", "The graph of calls, for Graphviz"},
    {F::eog, "eog", K::dot, false, false, ".svg", "The graph of calls, opened in eog"},
    {F::evince, "evince", K::dot, false, false, ".pdf", "The graph of calls, opened in evince"},
    {F::flame, "flame", K::raw, false, false, ".html", "A flame graph that needs no server"},
    {F::gif, "gif", K::dot, false, false, ".gif", "The graph of calls as a picture"},
    {F::goroutines, "goroutines", K::goroutines, true, false, "",
     "Goroutines with equal stacks, their states, waits and creators"},
    {F::gv, "gv", K::dot, false, false, ".ps", "The graph of calls, opened in gv"},
    {F::kcachegrind, "kcachegrind", K::callgrind, false, false, ".callgraph.out",
     "The calls, opened in kcachegrind"},
    {F::list, "list", K::list, true, true, "", "Source lines of functions that match"},
    {F::pdf, "pdf", K::dot, false, false, ".pdf", "The graph of calls as a page"},
    {F::peek, "peek", K::peek, true, true, "", "Callers and callees of functions that match"},
    {F::png, "png", K::dot, false, false, ".png", "The graph of calls as a picture"},
    {F::proto, "proto", K::proto, true, false, ".pb.gz", "The profile itself, compressed"},
    {F::ps, "ps", K::dot, false, false, ".ps", "The graph of calls as PostScript"},
    {F::raw, "raw", K::raw, true, false, "", "All that the profile holds, as text"},
    {F::svg, "svg", K::dot, false, false, ".svg", "The graph of calls for a browser"},
    {F::tags, "tags", K::tags, true, false, "", "What each value of each label weighs"},
    {F::text, "text", K::text, true, false, "", "The heaviest functions"},
    {F::top, "top", K::text, true, false, "", "The heaviest functions"},
    {F::topproto, "topproto", K::topproto, true, false, ".pb.gz", "The heaviest as a profile"},
    {F::traces, "traces", K::traces, true, false, "", "All stacks"},
    {F::tree, "tree", K::tree, true, false, "", "The heaviest with callers and callees"},
    {F::web, "web", K::dot, false, false, "", "The graph of calls, opened in a browser"},
    {F::weblist, "weblist", K::list, false, true, "", "Source lines, opened in a browser"},
}};

}  // namespace

std::span<const FormatInfo> all_formats() {
  return formats;
}

const FormatInfo& info_of(Format format) {
  return formats[static_cast<std::size_t>(format)];
}

const FormatInfo* find_format(std::string_view name) {
  const auto* const at = std::find_if(formats.begin(), formats.end(),
                                      [&](const FormatInfo& info) { return info.name == name; });
  return at == formats.end() ? nullptr : at;
}

}  // namespace heapwatch::pprof
