// Reading the frames of the calling thread is safe at any moment of it, with the lock of the
// interpreter (the GIL) or without: nobody else changes them, and a code object stays alive while
// it is in a frame. What has to be found out first is whether the state of a thread that CPython
// names is that of the calling thread, and still there:
//   - With the GIL the current state is. From 3.12 on it is null in a thread that has no GIL. Up to
//     3.11 it is that of whoever has the GIL, so the number of its thread is compared. It may be
//     freed just then, so it is read through the kernel.
//   - A thread without the GIL has its own state by a key of pthread, as long as the interpreter is
//     not being finalised, when the states of other threads are freed behind their backs.
// Each code object is checked for its type, so that a layout that does not fit ends the walk.
#include "preload/python/frames.h"

#include <pthread.h>
#include <string.h>

#include <string_view>

#include "memtrack/interpreter.h"
#include "memtrack/pages.h"
#include "preload/python/api.h"

namespace heapwatch::preload::python {

namespace {

constexpr std::size_t type_offset = 8;     // in an object
constexpr std::size_t length_offset = 16;  // in a str
constexpr std::size_t state_offset = 32;

template <typename T>
T at(const void* object, std::size_t offset) {
  T value{};
  memcpy(&value, static_cast<const char*>(object) + offset, sizeof value);
  return value;
}

bool is_of_this_thread(const void* thread) {
  if (api.layout->thread_id == 0) {
    return true;
  }
  std::uintptr_t id = 0;
  return memtrack::read_memory(reinterpret_cast<std::uintptr_t>(thread) + api.layout->thread_id,
                               &id, sizeof id) == memtrack::ReadOutcome::ok &&
         id == static_cast<std::uintptr_t>(pthread_self());
}

const void* own_state() {
  const void* const current = api.current_thread();
  const void* const mine = api.this_thread();
  if (current != nullptr && (current == mine || is_of_this_thread(current))) {
    return current;
  }
  return api.is_finalizing() == 0 ? mine : nullptr;
}

const void* innermost(const void* thread) {
  const auto* const frame = at<const void*>(thread, api.layout->thread_frame);
  return frame == nullptr || !api.layout->thread_frame_is_indirect
             ? frame
             : at<const void*>(frame, api.layout->indirect_frame);
}

/// Room for the text of a str as UTF-8.
struct Text {
  char bytes[memtrack::Function::text_max];
  std::size_t size = 0;

  [[nodiscard]] std::string_view view() const { return {bytes, size}; }

  void add(std::uint32_t character) {
    constexpr std::size_t longest = 4;
    if (size + longest > sizeof bytes) {
      return;
    }
    const auto put = [this](std::uint32_t byte) { bytes[size++] = static_cast<char>(byte); };
    const auto more = [&](unsigned shift) { put(0x80U | (character >> shift & 0x3fU)); };
    if (character < 0x80) {
      put(character);
    } else if (character < 0x800) {
      put(0xc0U | character >> 6);
      more(0);
    } else if (character < 0x10000) {
      put(0xe0U | character >> 12);
      more(6);
      more(0);
    } else {
      put(0xf0U | character >> 18);
      more(12);
      more(6);
      more(0);
    }
  }
};

/// The text of a str; ASCII is not copied.
std::string_view text_of(const void* string, Text& room) {
  const auto length = at<std::size_t>(string, length_offset);
  const auto state = at<std::uint32_t>(string, state_offset);
  const unsigned width = state >> 2 & 7U;
  const bool compact = (state >> 5 & 1U) != 0;
  const bool ascii = (state >> 6 & 1U) != 0;
  const char* const start = static_cast<const char*>(string);
  if (!compact) {
    return "?";
  }
  if (ascii) {
    return {start + api.layout->ascii_text, length};
  }
  const char* const text = start + api.layout->other_text;
  for (std::size_t i = 0; i < length && room.size < sizeof room.bytes; ++i) {
    room.add(width == 1   ? at<std::uint8_t>(text, i)
             : width == 2 ? at<std::uint16_t>(text, i * 2)
                          : at<std::uint32_t>(text, i * 4));
  }
  return room.view();
}

bool is_code(const void* object) {
  return object != nullptr && at<const void*>(object, type_offset) == api.code_type;
}

/// Of the instruction that runs, or has called.
int line_of(const void* frame, const void* code) {
  const Layout& layout = *api.layout;
  int offset = 0;
  if (layout.place_is_pointer) {
    offset = static_cast<int>(at<std::intptr_t>(frame, layout.frame_place) -
                              reinterpret_cast<std::intptr_t>(code) -
                              static_cast<std::intptr_t>(layout.code_start));
  } else {
    offset = at<int>(frame, layout.frame_place) * layout.place_unit;
  }
  return api.line_at(const_cast<void*>(code), offset);
}

memtrack::Frame described(const void* frame, const void* code, bool is_entry) {
  const Layout& layout = *api.layout;
  Text file_room;
  Text name_room;
  const auto first_line = at<int>(code, layout.code_first_line);
  const std::uint32_t function = memtrack::interpreter::function_id(
      text_of(at<const void*>(code, layout.code_file), file_room),
      text_of(at<const void*>(code, layout.code_name), name_room),
      static_cast<std::uint32_t>(first_line < 0 ? 0 : first_line));
  const int line = line_of(frame, code);
  return memtrack::Frame::of(function, static_cast<std::uint32_t>(line < 0 ? 0 : line), is_entry);
}

constexpr std::uint8_t owned_by_c_stack = 3;

bool is_shim(const void* frame) {
  return api.layout->entry == Layout::Entry::shim &&
         at<std::uint8_t>(frame, api.layout->frame_entry) == owned_by_c_stack;
}

bool is_entry(const void* frame, const void* previous) {
  switch (api.layout->entry) {
    case Layout::Entry::every_frame:
      return true;
    case Layout::Entry::flag:
      return at<std::uint8_t>(frame, api.layout->frame_entry) != 0;
    case Layout::Entry::shim:
      return previous == nullptr || is_shim(previous);
  }
  return true;
}

}  // namespace

std::size_t find_frames(memtrack::Frame* frames, std::size_t most) noexcept {
  const void* const thread = own_state();
  if (thread == nullptr) {
    return 0;
  }
  std::size_t count = 0;
  for (const void* frame = innermost(thread); frame != nullptr && count < most;) {
    const auto* const previous = at<const void*>(frame, api.layout->frame_previous);
    if (!is_shim(frame)) {
      const auto* const code = at<const void*>(frame, api.layout->frame_code);
      if (!is_code(code)) {
        break;
      }
      frames[count++] = described(frame, code, is_entry(frame, previous));
    }
    frame = previous;
  }
  return count;
}

}  // namespace heapwatch::preload::python
