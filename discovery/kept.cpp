#include "discovery/kept.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/descriptor.h"
#include "base/file.h"
#include "base/text.h"

namespace heapwatch::discovery {

namespace {

constexpr mode_t file_mode = 0640;
constexpr mode_t folder_mode = 0750;
constexpr std::string_view ending = ".targets";
constexpr std::string_view first_words = "heapwatch targets 1\n";
/// What a list of a source takes here at most: more than it takes where it comes from.
constexpr std::size_t kept_bytes_max = std::size_t{4} * list_bytes_max;

base::Result<void> cannot(const std::filesystem::path& path, int number) {
  return base::fail(base::ErrorKind::io, path.string() + ": " + std::strerror(number));
}

/// So that the file, when it is replaced, has a mode to go by.
base::Result<void> make_file(const std::filesystem::path& path) {
  if (mkdir(path.parent_path().c_str(), folder_mode) != 0 && errno != EEXIST) {
    return cannot(path.parent_path(), errno);
  }
  const base::OwnDescriptor file(
      open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, file_mode));
  if (!file || fchmod(file.get(), file_mode) != 0) {
    return cannot(path, errno);
  }
  return {};
}

std::string name_of_list(std::uint64_t identity) {
  std::string name;
  base::append_hex(name, identity, 16);
  return name + std::string(ending);
}

bool is_list_name(std::string_view name) {
  constexpr std::size_t digits = 16;
  return name.size() == digits + ending.size() && name.ends_with(ending) &&
         name.find_first_not_of("0123456789abcdef") == digits;
}

}  // namespace

KeptList::KeptList(const std::filesystem::path& folder, std::uint64_t identity) {
  if (!folder.empty()) {
    file_ = folder / name_of_list(identity);
  }
}

std::optional<KeptList::List> KeptList::load(const Limits& limits) const {
  if (file_.empty()) {
    return std::nullopt;
  }
  const auto text = base::read_file(file_, kept_bytes_max);
  if (!text || !text->starts_with(first_words)) {
    return std::nullopt;
  }
  struct stat status {};
  const std::string_view all = *text;
  auto groups = parse_json_list(all.substr(first_words.size()), limits);
  if (!groups || stat(file_.c_str(), &status) != 0) {
    return std::nullopt;
  }
  return List{.groups = *std::move(groups),
              .time = std::chrono::system_clock::from_time_t(status.st_mtim.tv_sec)};
}

base::Result<void> KeptList::save(const Groups& groups) const {
  if (file_.empty()) {
    return {};
  }
  if (auto made = make_file(file_); !made) {
    return made;
  }
  return base::write_file(file_, std::string(first_words) + to_json(groups));
}

std::size_t drop_other_lists(const std::filesystem::path& folder,
                             const std::set<std::uint64_t>& identities) {
  std::set<std::string> keep;
  for (const std::uint64_t identity : identities) {
    keep.insert(name_of_list(identity));
  }
  std::vector<std::filesystem::path> others;
  std::error_code failure;
  std::filesystem::directory_iterator entry(folder, failure);
  for (const std::filesystem::directory_iterator end; !failure && entry != end;
       entry.increment(failure)) {
    const std::string name = entry->path().filename().string();
    if (is_list_name(name) && !keep.contains(name)) {
      others.push_back(entry->path());
    }
  }
  std::size_t dropped = 0;
  for (const std::filesystem::path& other : others) {
    dropped += unlink(other.c_str()) == 0 ? 1 : 0;
  }
  return dropped;
}

bool KeptList::confirm() const {
  return file_.empty() || utimensat(AT_FDCWD, file_.c_str(), nullptr, AT_SYMLINK_NOFOLLOW) == 0;
}

}  // namespace heapwatch::discovery
