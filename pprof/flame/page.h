// Flame graphs as a page for a browser, and as the data of one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "pprof/session.h"

namespace heapwatch::pprof::flame {

/// Bytes of the data of a page; smaller boxes are left out until it fits.
inline constexpr std::size_t data_bytes_max = std::size_t{4} << 20U;

/// What a flame graph is drawn of.
struct Source {
  PreparedProfile prepared;
  std::vector<std::string> labels;  // lines that tell what profile this is
};

/// Applies the options' filters. Files are told apart unless the options ask for something else.
/// Errors: those of reports.
[[nodiscard]] base::Result<Source> prepare(Profile profile, ReportOptions options,
                                           const Warn& warn);

/// The flame graph as JSON: the trees of the chosen one or of all sample types over shared names.
[[nodiscard]] std::string make_data(const Source& source, bool all_types);

/// A page that needs nothing else, also no network.
[[nodiscard]] std::string make_page(const Source& source);

/// A title that names the profile by the lines that describe it: "server inuse_space - flame
/// graph".
[[nodiscard]] std::string page_title(const std::vector<std::string>& labels, std::string_view what);

/// What draws such data in a page: showFlame(element, data).
[[nodiscard]] std::string_view script();
/// The part of it that writes numbers and names, and reads the expression in a search box.
[[nodiscard]] std::string_view text_script();
[[nodiscard]] std::string_view style();

}  // namespace heapwatch::pprof::flame
