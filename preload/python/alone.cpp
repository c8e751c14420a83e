#include "preload/python/alone.h"

#include <iterator>

#include "memtrack/interpreter.h"
#include "memtrack/tracker.h"
#include "preload/python/api.h"
#include "preload/python/domains.h"
#include "preload/python/frames.h"

namespace heapwatch::preload::python {

bool begin_books(std::size_t interval) noexcept {
  if (find_api(nullptr) != Found::known ||
      memtrack::interpreter::claim_components(component_names, std::size(component_names)) == 0) {
    return false;
  }
  memtrack::interpreter::set_frame_source(find_frames);
  memtrack_set_sample_interval(interval);
  (void)memtrack::begin_mode(memtrack::mode());
  return true;
}

bool runs_python() noexcept {
  return api.this_thread != nullptr && api.this_thread() != nullptr;
}

}  // namespace heapwatch::preload::python
