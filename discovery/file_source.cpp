// file_sd: targets out of files that other programs write.
//
// A file is read when it has changed and has been left alone since: who writes it in place may be
// half way. Whether it has is seen by what the system says of it (size, times, inode), not by
// inotify, which knows nothing of changes behind network and overlay file systems, where such files
// often lie.
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/ownership.h"
#include "base/text.h"
#include "base/utf8.h"
#include "discovery/source.h"

namespace heapwatch::discovery {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t patterns_max = 100;
constexpr std::size_t files_max = 10'000;
constexpr std::string_view file_label = "__meta_filepath";
constexpr std::chrono::milliseconds file_refresh{300'000};

/// What differs when a file has been written.
struct Signature {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;

  friend bool operator==(const Signature&, const Signature&) = default;
};

std::int64_t nanoseconds(const timespec& time) {
  constexpr std::int64_t second = 1'000'000'000;
  return time.tv_sec * second + time.tv_nsec;
}

Signature signature_of(const fs::path& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return {};
  }
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = status.st_size,
          .modified_ns = nanoseconds(status.st_mtim),
          .changed_ns = nanoseconds(status.st_ctim)};
}

using Listing = std::map<std::string, Signature>;  // by path

class FileSource final : public Source {
 public:
  FileSource(SourceOptions options, std::vector<std::string> patterns)
      : Source(std::move(options)), patterns_(std::move(patterns)) {}

  base::Result<Answer> ask(const Groups& known) override {
    Answer answer;
    const Listing found = list(answer.troubles);
    std::map<std::string, File> files;
    std::size_t targets = 0;
    for (const auto& [path, signature] : found) {
      File& file = files[path];
      const auto before = files_.find(path);
      if (before != files_.end() && before->second.signature == signature &&
          before->second.trouble.empty()) {
        file = std::move(before->second);
      } else {
        file = read(path, signature, known);
      }
      if (!file.trouble.empty()) {
        answer.troubles.push_back(file.trouble);
      }
      targets += count_targets(file.groups);
    }
    for (const std::string& folder : broken_folders_) {
      keep(folder, known, files);
    }
    files_ = std::move(files);
    seen_ = found;
    last_seen_ = found;
    if (auto checked = check_count(targets, options().limits); !checked) {
      return tl::unexpected(checked.error());
    }
    for (const auto& [path, file] : files_) {
      answer.groups.insert(answer.groups.end(), file.groups.begin(), file.groups.end());
    }
    return answer;
  }

  bool has_changed() override {
    std::vector<std::string> told_by_ask;
    Listing now = list(told_by_ask);
    const bool is_quiet = now == last_seen_;
    last_seen_ = std::move(now);
    return is_quiet && last_seen_ != seen_;
  }

 private:
  struct File {
    Signature signature;
    Groups groups;
    std::string trouble;  // empty: it is as it should be
  };

  /// The files that there are. Folders that cannot be read are told, and kept in mind.
  Listing list(std::vector<std::string>& troubles) {
    Listing files;
    broken_folders_.clear();
    for (const std::string& pattern : patterns_) {
      list_one(pattern, files, troubles);
    }
    if (files.size() > files_max) {
      troubles.push_back("more than " + std::to_string(files_max) +
                         " files; those behind them are not read");
      files.erase(std::next(files.begin(), files_max), files.end());
    }
    return files;
  }

  void list_one(const fs::path& pattern, Listing& files, std::vector<std::string>& troubles) {
    const std::string folder = pattern.parent_path().string();
    std::error_code failure;
    fs::directory_iterator entry(folder, failure);
    for (const fs::directory_iterator end; !failure && entry != end; entry.increment(failure)) {
      const std::string name = entry->path().filename().string();
      if (fnmatch(pattern.filename().c_str(), name.c_str(), FNM_NOESCAPE) == 0) {
        files.emplace(entry->path().string(), signature_of(entry->path()));
      }
    }
    if (failure) {
      troubles.push_back(folder + ": " + failure.message());
      broken_folders_.push_back(folder);
    }
  }

  [[nodiscard]] File read(const std::string& path, const Signature& signature,
                          const Groups& known) const {
    File file{.signature = signature, .groups = {}, .trouble = {}};
    std::error_code failure;
    const auto kind = fs::status(path, failure).type();
    // A pipe would be waited for.
    const bool is_other = kind != fs::file_type::regular && kind != fs::file_type::not_found;
    const auto text = is_other ? base::fail(base::ErrorKind::invalid, path + ": is no regular file")
                               : base::read_file(path, list_bytes_max);
    const bool is_json = base::ascii_lower(fs::path(path).extension().string()) == ".json";
    auto groups = !text     ? tl::unexpected(text.error())
                  : is_json ? parse_json_list(*text, options().limits)
                            : parse_yaml_list(*text, options().limits);
    if (groups) {
      file.groups = *std::move(groups);
      for (Group& group : file.groups) {
        group.labels.insert_or_assign(std::string(file_label), base::valid_utf8(path));
      }
      return file;
    }
    const std::string& message = groups.error().message;
    file.trouble = message.starts_with(path) ? message : path + ": " + message;
    const std::string label = base::valid_utf8(path);
    std::copy_if(known.begin(), known.end(), std::back_inserter(file.groups),
                 [&](const Group& group) {
                   const auto found = group.labels.find(file_label);
                   return found != group.labels.end() && found->second == label;
                 });
    return file;
  }

  /// What was known of the files of a folder.
  static void keep(const std::string& folder, const Groups& known,
                   std::map<std::string, File>& files) {
    for (const Group& group : known) {
      const auto found = group.labels.find(file_label);
      if (found != group.labels.end() && fs::path(found->second).parent_path().string() == folder) {
        File& file = files[found->second];
        file.trouble = "kept";
        file.groups.push_back(group);
      }
    }
  }

  std::vector<std::string> patterns_;
  std::vector<std::string> broken_folders_;
  std::map<std::string, File> files_;  // as they were read last
  Listing seen_;                       // then
  Listing last_seen_;                  // when it was asked for a change
};

/// One star at most, in the last part, and an ending that says what is in it.
bool is_pattern(std::string_view text) {
  const std::size_t star = text.find('*');
  if (star != std::string_view::npos && (text.find('*', star + 1) != std::string_view::npos ||
                                         text.find('/', star) != std::string_view::npos)) {
    return false;
  }
  constexpr std::array<std::string_view, 6> endings{".json", ".yml", ".yaml",
                                                    ".JSON", ".YML", ".YAML"};
  return std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view ending) { return text.ends_with(ending); });
}

}  // namespace

std::unique_ptr<Source> read_file_source(config::Section& section,
                                         const config::AgentConfig& agent) {
  const std::size_t errors_before = section.diagnostics().error_count();
  auto patterns = section.texts("files").value_or(std::vector<std::string>{});
  if (patterns.empty() || patterns.size() > patterns_max) {
    section.error("files", section.name_of("files") + " must be a list of 1 to " +
                               std::to_string(patterns_max) + " paths");
  }
  const fs::path beside(section.file());
  std::string name = "file_sd";
  for (std::string& pattern : patterns) {
    if (!is_pattern(pattern)) {
      section.error("files", section.name_of("files") + ": \"" + pattern +
                                 "\" must end in .json, .yml or .yaml, with a \"*\" at most, in "
                                 "its last part");
    }
    name += (name == "file_sd" ? " " : ",") + pattern;
    pattern = fs::absolute(beside.parent_path() / pattern).lexically_normal().string();
    if (base::is_world_writable(pattern) ||
        base::is_world_writable(fs::path(pattern).parent_path())) {
      section.warning("files", section.name_of("files") + ": " + pattern +
                                   " or its folder may be written by everybody, who so decide "
                                   "whom heapwatch asks (chmod o-w)");
    }
  }
  (void)agent;
  SourceOptions options = read_common(section, {.refresh_interval = file_refresh});
  options.name = std::move(name);
  return section.diagnostics().error_count() == errors_before
             ? std::make_unique<FileSource>(std::move(options), std::move(patterns))
             : nullptr;
}

}  // namespace heapwatch::discovery
