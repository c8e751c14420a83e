// File names: of functions, binaries and source folders.
#include <algorithm>
#include <vector>

#include "pprof/graph.h"

namespace heapwatch::pprof {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  if (text.empty()) {
    return parts;
  }
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

}  // namespace

std::string_view base_name(std::string_view path) {
  if (path.empty()) {
    return ".";
  }
  while (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  if (path.empty()) {
    return "/";
  }
  return path.substr(path.rfind('/') + 1);
}

std::string clean_path(std::string_view path) {
  if (path.empty()) {
    return ".";
  }
  const bool is_rooted = path.front() == '/';
  std::vector<std::string_view> kept;
  for (const std::string_view part : split(path, '/')) {
    if (part.empty() || part == ".") {
      continue;
    }
    const bool goes_up = part == "..";
    if (goes_up && !kept.empty() && kept.back() != "..") {
      kept.pop_back();
    } else if (!goes_up || !is_rooted) {
      kept.push_back(part);
    }
  }
  std::string out = is_rooted ? "/" : "";
  for (const std::string_view part : kept) {
    if (!out.empty() && out.back() != '/') {
      out += '/';
    }
    out += part;
  }
  return out.empty() ? "." : out;
}

std::string_view trim_path(std::string_view path, std::string_view trim_path,
                           std::string_view source_path) {
  if (trim_path.empty()) {
    for (const std::string_view folder : split(source_path, ':')) {
      const std::string wanted = "/" + std::string(base_name(folder)) + "/";
      const std::size_t found = path.find(wanted);
      if (found != std::string_view::npos) {
        return path.substr(found + wanted.size());
      }
    }
  }
  std::vector<std::string_view> prefixes = split(trim_path, ':');
  prefixes.emplace_back("/proc/self/cwd/./");
  prefixes.emplace_back("/proc/self/cwd/");
  for (const std::string_view prefix : prefixes) {
    const std::string whole =
        prefix.ends_with('/') ? std::string(prefix) : std::string(prefix) + "/";
    if (path.starts_with(whole)) {
      return path.substr(whole.size());
    }
  }
  return path;
}

}  // namespace heapwatch::pprof
