// Who can say what a file holds, looked at without a gap between the look and the use.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <utility>

#include "base/descriptor.h"
#include "base/error.h"

namespace heapwatch::base {

/// A file or folder, held by its descriptor.
class OwnedFile {
 public:
  OwnedFile(int descriptor, std::filesystem::path path)
      : descriptor_(descriptor), path_(std::move(path)) {}

  /// Open for reading; a folder's only names it (O_PATH).
  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  /// Gives the descriptor away.
  [[nodiscard]] int release() { return descriptor_.release(); }
  /// Absolute, without links: none of its parts can be exchanged by anybody else.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  Descriptor descriptor_;
  std::filesystem::path path_;
};

/// Opens a file or folder if nobody but this process' user and root can say what it is: it, every
/// folder above it and every link on the way belongs to one of the two, and neither its group nor
/// everybody may write to it. Two exceptions:
///
/// - a folder above that everybody may write to is fine when it is sticky, like /tmp, since what
///   lies in it is only exchanged by who owns it;
/// - what belongs to this process' user, who is not root, may be written by the group of the same
///   number, if that is the process' own: the group that such users have for themselves.
///
/// Access control lists count as the group's rights, as the system shows them. That a file system
/// is mounted read-only is no exception: it may be so for this process and not for others.
///
/// Errors: refused, with the part that is not ours and why; not_found and io, with the system's
/// words; limit, for more than 40 links.
[[nodiscard]] Result<OwnedFile> open_owned(const std::filesystem::path& path);

/// Whether everybody may write to it, or may exchange it in its folder. What cannot be looked at
/// is not.
[[nodiscard]] bool is_world_writable(const std::filesystem::path& path);

}  // namespace heapwatch::base
