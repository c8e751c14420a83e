#include "check/memory/profile_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <vector>

#include "base/descriptor.h"
#include "base/descriptor_output.h"

namespace heapwatch::check::memory {

namespace {

constexpr std::string_view prefix = "heapwatch-";
constexpr std::string_view suffix = ".pb.gz";
/// A file that is being written, or was when its writer ended.
constexpr std::string_view draft_prefix = ".heapwatch-";
constexpr std::chrono::minutes draft_age_max{10};
constexpr std::size_t name_part_max = 60;
constexpr mode_t folder_mode = 0750;
constexpr mode_t file_mode = 0640;

struct File {
  std::string name;
  std::uint64_t bytes = 0;
};

tl::unexpected<base::Error> failure(const std::string& path, int number) {
  return base::fail(base::ErrorKind::io, path + ": " + std::strerror(number));
}

std::string utc(std::chrono::system_clock::time_point time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  const std::time_t seconds = std::chrono::system_clock::to_time_t(whole);
  const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(time - whole).count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> day{};
  std::array<char, 48> text{};
  (void)std::strftime(day.data(), day.size(), "%Y%m%dT%H%M%S", &parts);
  (void)std::snprintf(text.data(), text.size(), "%s.%03dZ", day.data(), static_cast<int>(rest));
  return text.data();
}

/// Our profiles, the oldest first. Drafts that nobody writes any more are removed.
std::vector<File> files_in(int folder) {
  std::vector<File> files;
  const int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> list(copy < 0 ? nullptr : fdopendir(copy), &closedir);
  if (!list) {
    if (copy >= 0) {
      close(copy);
    }
    return files;
  }
  const std::time_t now = std::time(nullptr);
  while (const dirent* entry = readdir(list.get())) {
    const std::string_view name = static_cast<const char*>(entry->d_name);
    struct stat status {};
    if (fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(status.st_mode)) {
      continue;
    }
    if (name.starts_with(prefix) && name.ends_with(suffix)) {
      files.push_back({std::string(name), static_cast<std::uint64_t>(status.st_size)});
    } else if (name.starts_with(draft_prefix) &&
               now - status.st_mtime > std::chrono::seconds(draft_age_max).count()) {
      (void)unlinkat(folder, entry->d_name, 0);
    }
  }
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.name < b.name; });
  return files;
}

/// Removes the oldest until there is room for one more.
void make_room(int folder, const ProfileFolderOptions& options, std::uint64_t bytes) {
  const std::vector<File> files = files_in(folder);
  std::uint64_t sum = bytes;
  for (const File& file : files) {
    sum += file.bytes;
  }
  std::size_t count = files.size() + 1;
  for (const File& file : files) {
    if (count <= options.files_max && sum <= options.bytes_max) {
      return;
    }
    (void)unlinkat(folder, file.name.c_str(), 0);
    --count;
    sum -= file.bytes;
  }
}

/// Writes a file beside its place, and moves it there once there is room for it: where it cannot be
/// written, none of the others goes. Zero, or what went wrong.
int write_file(int folder, const std::string& name, std::string_view bytes,
               const ProfileFolderOptions& options) {
  const std::string draft = "." + name + "." + std::to_string(getpid());
  const base::Descriptor file(openat(
      folder, draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, file_mode));
  if (!file) {
    return errno;
  }
  errno = 0;
  // The mode is what is promised, whatever the umask.
  bool is_there = fchmod(file.get(), file_mode) == 0 && base::write_all(file.get(), bytes);
  int wrong = is_there ? 0 : errno;
  if (is_there) {
    make_room(folder, options, bytes.size());
    is_there = renameat(folder, draft.c_str(), folder, name.c_str()) == 0;
    wrong = is_there ? 0 : errno;
  }
  if (!is_there) {
    (void)unlinkat(folder, draft.c_str(), 0);
    return wrong == 0 ? EIO : wrong;
  }
  return 0;
}

}  // namespace

std::string as_name_part(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string part;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '_' || c == '-';
    const std::size_t length = is_plain ? 1 : 3;
    if (part.size() + length > name_part_max) {
      break;
    }
    if (is_plain) {
      part += c;
    } else {
      part += {'%', digits[byte >> 4U], digits[byte & 15U]};
    }
  }
  return part.empty() ? "unnamed" : part;
}

base::Result<std::string> ProfileFolder::keep(const ProfileName& name, std::string_view bytes,
                                              std::chrono::system_clock::time_point now) const {
  if (bytes.size() > options_.bytes_max) {
    return base::fail(base::ErrorKind::limit,
                      options_.path + ": a profile of " + std::to_string(bytes.size()) +
                          " bytes is more than the " + std::to_string(options_.bytes_max) +
                          " that all may have; the option max_profile_bytes says how many");
  }
  if (mkdir(options_.path.c_str(), folder_mode) != 0 && errno != EEXIST) {
    return failure(options_.path, errno);
  }
  const base::Descriptor folder(open(options_.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) {
    return failure(options_.path, errno);
  }
  std::string file(prefix);
  file += utc(now) + "-" + as_name_part(name.process) + "-" + std::to_string(name.pid) + "-" +
          as_name_part(name.reason) + "." + as_name_part(name.kind);
  file += suffix;
  if (const int wrong = write_file(folder.get(), file, bytes, options_); wrong != 0) {
    return failure(options_.path + "/" + file, wrong);
  }
  return options_.path + "/" + file;
}

}  // namespace heapwatch::check::memory
