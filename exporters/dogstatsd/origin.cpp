#include "exporters/dogstatsd/origin.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/number.h"

namespace heapwatch::exporters::dogstatsd {

namespace {

constexpr std::size_t file_bytes_max = std::size_t{4} * 1024 * 1024;
constexpr std::uint64_t host_cgroup_namespace = 0xeffffffb;  // fixed in Linux
constexpr std::uint64_t root_inode_max = 2;

std::string read_or_empty(const std::filesystem::path& path) {
  return base::read_file(path, file_bytes_max).value_or(std::string());
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == text.npos) {
      return parts;
    }
    text.remove_prefix(at + 1);
  }
}

/// Whether `text` follows `pattern`: `x` is a hexadecimal digit in lower case, `-` is `-` or `_`.
bool follows(std::string_view text, std::string_view pattern) {
  return text.size() == pattern.size() &&
         std::equal(text.begin(), text.end(), pattern.begin(), [](char c, char wanted) {
           return wanted == 'x' ? (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')
                                : c == '-' || c == '_';
         });
}

const std::string container_pattern(64, 'x');
constexpr std::string_view uuid_pattern = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
constexpr std::string_view task_uuid_pattern = "xxxxxxxx-xxxx-xxxx-xxxx-xxxx";

/// ECS names its tasks `<32 hexadecimal digits>-<number>`.
std::string_view ecs_suffix(std::string_view text) {
  const std::size_t digits = text.find_last_not_of("0123456789");
  constexpr std::size_t hex_digits = 32;
  if (digits == text.npos || digits + 1 == text.size() || digits < hex_digits ||
      text[digits] != '-' ||
      !follows(text.substr(digits - hex_digits, hex_digits),
               std::string_view{container_pattern}.substr(0, hex_digits))) {
    return {};
  }
  return text.substr(digits - hex_digits);
}

/// The container id `text` ends with.
std::string_view container_suffix(std::string_view text) {
  for (const std::string_view pattern :
       {std::string_view{container_pattern}, uuid_pattern, task_uuid_pattern}) {
    if (text.size() >= pattern.size()) {
      const std::string_view end = text.substr(text.size() - pattern.size());
      if (follows(end, pattern)) {
        return end;
      }
    }
  }
  return ecs_suffix(text);
}

struct CgroupLine {
  std::string_view controllers;
  std::string_view path;
};

/// Lines are `number:controllers:path`; version 2 has one, without controllers.
std::vector<CgroupLine> cgroup_lines(std::string_view text) {
  std::vector<CgroupLine> lines;
  for (const std::string_view line : split(text, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? first : line.find(':', first + 1);
    if (second != line.npos) {
      lines.push_back({line.substr(first + 1, second - first - 1), line.substr(second + 1)});
    }
  }
  return lines;
}

std::string_view id_in_cgroups(const std::vector<CgroupLine>& lines) {
  constexpr std::string_view scope = ".scope";
  for (const CgroupLine& line : lines) {
    std::string_view last = line.path.substr(line.path.rfind('/') + 1);
    if (last.size() > scope.size() && last.substr(last.size() - scope.size()) == scope) {
      last.remove_suffix(scope.size());
    }
    if (const std::string_view id = container_suffix(last); !id.empty()) {
      return id;
    }
  }
  return {};
}

/// Runtimes mount a container's /etc/hostname from `.../<id>/...hostname`; the folder of a pod's
/// sandbox looks the same and is not the container's.
std::string_view id_in_mounts(std::string_view text) {
  for (const std::string_view line : split(text, '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() < 5) {
      continue;
    }
    const std::string_view root = fields[3];
    if (root.size() < 8 || root.substr(root.size() - 8) != "hostname") {
      continue;
    }
    const auto steps = split(root, '/');
    for (std::size_t i = steps.size() - 1; i-- > 1;) {
      const std::string_view id = container_suffix(steps[i]);
      if (!id.empty() && id.size() == steps[i].size() && steps[i - 1] != "sandboxes") {
        return id;
      }
    }
  }
  return {};
}

std::optional<std::uint64_t> inode_of(const std::filesystem::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? std::optional<std::uint64_t>(status.st_ino)
                                            : std::nullopt;
}

std::optional<std::uint64_t> cgroup_inode(const std::vector<CgroupLine>& lines,
                                          const std::filesystem::path& mount) {
  for (const CgroupLine& line : lines) {
    const auto controllers = split(line.controllers, ',');
    const bool memory =
        std::find(controllers.begin(), controllers.end(), "memory") != controllers.end();
    if (!memory && !line.controllers.empty()) {
      continue;
    }
    const std::size_t root = std::min(line.path.find_first_not_of('/'), line.path.size());
    const auto inode =
        inode_of(mount / std::string(line.controllers) / std::string(line.path.substr(root)));
    if (inode && *inode > root_inode_max) {
      return inode;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string detect_container(const OriginPaths& paths) {
  const std::string cgroups = read_or_empty(paths.cgroup);
  const auto lines = cgroup_lines(cgroups);
  if (const auto id = id_in_cgroups(lines); !id.empty()) {
    return "ci-" + std::string(id);
  }
  if (inode_of(paths.cgroup_namespace) == host_cgroup_namespace) {
    return {};  // paths in the host's namespace would name a container if there were one
  }
  const std::string mounts = read_or_empty(paths.mountinfo);
  if (const auto id = id_in_mounts(mounts); !id.empty()) {
    return "ci-" + std::string(id);
  }
  const auto inode = cgroup_inode(lines, paths.cgroup_mount);
  return inode ? "in-" + std::to_string(*inode) : std::string();
}

}  // namespace heapwatch::exporters::dogstatsd
