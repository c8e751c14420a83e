#include "pprof/report/source.h"

#include <algorithm>
#include <utility>

namespace heapwatch::pprof {

SourceReader::SourceReader(const Report& report)
    : report_(report),
      folders_(report.options.source_path.empty() ? report.seams.working_folder
                                                  : report.options.source_path) {}

base::Result<std::string> SourceReader::read(std::string_view file) const {
  const std::string path(trim_path(file, report_.options.trim_path, folders_));
  if (path.starts_with('/')) {
    auto content = report_.seams.read_source(path);
    if (!content && content.error().kind == base::ErrorKind::not_found) {
      return base::fail(base::ErrorKind::not_found, "open " + path + ": no such file or directory");
    }
    return content;
  }
  for (std::size_t at = 0; at < folders_.size();) {
    const std::size_t end = std::min(folders_.find(':', at), folders_.size());
    if (auto content = read_below(folders_.substr(at, end - at), path)) {
      return *content;
    }
    at = end + 1;
  }
  return base::fail(base::ErrorKind::not_found,
                    "could not find file " + path + " on path " + folders_);
}

/// Tries a folder and all above it.
std::optional<std::string> SourceReader::read_below(std::string folder,
                                                    const std::string& path) const {
  while (true) {
    if (auto content = report_.seams.read_source(clean_path(folder + "/" + path))) {
      return std::move(*content);
    }
    const std::size_t slash = folder.rfind('/');
    if (slash == std::string::npos || folder == "/") {
      return std::nullopt;
    }
    folder.resize(std::max<std::size_t>(slash, 1));
  }
}

std::string value_or_dot(const Report& report, std::int64_t value) {
  return value == 0 ? "." : report.format(value);
}

}  // namespace heapwatch::pprof
