// The files of page/ and Debian's dygraphs, which the build puts into the program.
#pragma once

#include <string_view>

namespace heapwatch::agent::web {

std::string_view page();
std::string_view page_script();
std::string_view process_script();
std::string_view lists_script();
std::string_view series_script();
std::string_view save_script();
std::string_view chart_script();
std::string_view text_script();
std::string_view page_style();
std::string_view icon();
std::string_view dygraph_script();
std::string_view dygraph_style();
std::string_view api_schema();

}  // namespace heapwatch::agent::web
