// A folder of profiles that were kept, so many at most.
//
// Names begin with the time, so that their order is their age:
//
//   heapwatch-20261129T231708.123Z-shop-12-leak.native.pb.gz
//
// The oldest go when there is no room for another one. What does not have such a name is somebody
// else's, and stays. A file is written beside its place and then moved there, so that whoever lists
// the folder finds whole profiles only.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace heapwatch::check::memory {

struct ProfileFolderOptions {
  std::string path;  // empty: nothing is kept
  std::size_t files_max = 20;
  std::uint64_t bytes_max = std::uint64_t{256} << 20;  // of all of them
};

/// What a profile is of. All of it may come from outside, and is made fit for a name.
struct ProfileName {
  std::string process;
  int pid = 0;
  std::string reason;  // "leak"
  std::string kind;    // "native", "python", "go"
};

class ProfileFolder {
 public:
  explicit ProfileFolder(ProfileFolderOptions options) : options_(std::move(options)) {}

  [[nodiscard]] bool is_wanted() const { return !options_.path.empty(); }

  /// The path of the new file, which its owner and group may read (0640). The folder is made when
  /// it is not there; the one above it has to be. Errors: io, with the path and the system's words;
  /// limit for a profile that is larger than all of them may be.
  [[nodiscard]] base::Result<std::string> keep(const ProfileName& name, std::string_view bytes,
                                               std::chrono::system_clock::time_point now) const;

 private:
  ProfileFolderOptions options_;
};

/// A text as a part of a file's name: letters, digits, `_` and `-` as they are, other bytes as %XX;
/// what is too long is cut.
[[nodiscard]] std::string as_name_part(std::string_view text);

}  // namespace heapwatch::check::memory
