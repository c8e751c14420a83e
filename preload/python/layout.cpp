#include "preload/python/layout.h"

namespace heapwatch::preload::python {

namespace {

constexpr std::size_t small_pool = 4096;
constexpr std::size_t large_pool = 16384;

constexpr Layout before_311(int minor, std::size_t place, int place_unit) {
  return {.pool_bytes = minor < 10 ? small_pool : large_pool,
          .minor = minor,
          .entry = Layout::Entry::every_frame,
          .place_unit = place_unit,
          .thread_frame_is_indirect = false,
          .place_is_pointer = false,
          .thread_frame = 24,
          .indirect_frame = 0,
          .thread_id = 176,
          .frame_code = 32,
          .frame_previous = 24,
          .frame_place = place,
          .frame_entry = 0,
          .code_file = 104,
          .code_name = 112,
          .code_first_line = 40,
          .code_start = 0,
          .ascii_text = 48,
          .other_text = 72};
}

constexpr Layout layouts[] = {
    before_311(8, 104, 1),
    before_311(9, 104, 1),
    before_311(10, 96, 2),
    {.pool_bytes = large_pool,
     .minor = 11,
     .entry = Layout::Entry::flag,
     .place_unit = 1,
     .thread_frame_is_indirect = true,
     .place_is_pointer = true,
     .thread_frame = 56,
     .indirect_frame = 8,
     .thread_id = 152,
     .frame_code = 32,
     .frame_previous = 48,
     .frame_place = 56,
     .frame_entry = 68,
     .code_file = 112,
     .code_name = 128,
     .code_first_line = 72,
     .code_start = 184,
     .ascii_text = 48,
     .other_text = 72},
    {.pool_bytes = large_pool,
     .minor = 12,
     .entry = Layout::Entry::shim,
     .place_unit = 1,
     .thread_frame_is_indirect = true,
     .place_is_pointer = true,
     .thread_frame = 56,
     .indirect_frame = 0,
     .thread_id = 0,
     .frame_code = 0,
     .frame_previous = 8,
     .frame_place = 56,
     .frame_entry = 70,
     .code_file = 112,
     .code_name = 128,
     .code_first_line = 68,
     .code_start = 192,
     .ascii_text = 40,
     .other_text = 56},
    {.pool_bytes = large_pool,
     .minor = 13,
     .entry = Layout::Entry::shim,
     .place_unit = 1,
     .thread_frame_is_indirect = false,
     .place_is_pointer = true,
     .thread_frame = 72,
     .indirect_frame = 0,
     .thread_id = 0,
     .frame_code = 0,
     .frame_previous = 8,
     .frame_place = 56,
     .frame_entry = 70,
     .code_file = 112,
     .code_name = 128,
     .code_first_line = 68,
     .code_start = 200,
     .ascii_text = 40,
     .other_text = 56},
};

}  // namespace

const Layout* layout_of(int minor) noexcept {
  for (const Layout& layout : layouts) {
    if (layout.minor == minor) {
      return &layout;
    }
  }
  return nullptr;
}

}  // namespace heapwatch::preload::python
