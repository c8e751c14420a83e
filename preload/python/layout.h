// Where CPython keeps what a stack is read from, by version.
//
// A sample is taken inside an allocation, where nothing of CPython may be called that allocates or
// makes a frame object. So frames are read from memory. The offsets are those of the headers of
// each version (frameobject.h, code.h, internal/pycore_frame.h, cpython/unicodeobject.h); within a
// minor version they do not change.
#pragma once

#include <cstddef>

namespace heapwatch::preload::python {

struct Layout {
  /// How the calls of the interpreter's loop are told apart.
  enum class Entry {
    every_frame,  // each frame has a call of its own
    flag,         // a byte of the frame says that a call began with it
    shim,         // a frame that belongs to the C stack lies below the one a call began with
  };

  std::size_t pool_bytes;  // of what pymalloc cuts small blocks out of
  int minor;               // 3.minor
  Entry entry;
  int place_unit;  // bytes that the place of a frame counts in, where it is an int
  bool thread_frame_is_indirect;
  bool place_is_pointer;  // to an instruction

  std::size_t thread_frame;    // in the state of a thread: the frame, or what leads to it
  std::size_t indirect_frame;  // in what leads to it
  std::size_t thread_id;       // 0: is not needed

  std::size_t frame_code;
  std::size_t frame_previous;
  std::size_t frame_place;  // how far the code has run
  std::size_t frame_entry;  // the byte of Entry::flag or Entry::shim

  std::size_t code_file;
  std::size_t code_name;
  std::size_t code_first_line;
  std::size_t code_start;  // of the instructions

  std::size_t ascii_text;  // in a str that has only ASCII
  std::size_t other_text;  // in another
};

/// Null when the version is not known.
[[nodiscard]] const Layout* layout_of(int minor) noexcept;

/// What versions are known, for messages.
constexpr const char* known_versions = "3.8 to 3.13";
constexpr int first_known_minor = 8;
constexpr int last_known_minor = 13;

}  // namespace heapwatch::preload::python
