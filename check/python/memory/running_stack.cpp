#define Py_BUILD_CORE 1  // for the frames as they run: a frame object for each block costs too much
#include "check/python/memory/running_stack.h"

#include <internal/pycore_frame.h>

#include <limits>
#include <new>
#include <utility>

#include "check/python/memory/running_text.h"

#if PY_VERSION_HEX < 0x030B0000 || PY_VERSION_HEX >= 0x030C0000
#error "the layout of running frames is that of CPython 3.11"
#endif

namespace heapwatch::check::python::memory {

namespace {

constexpr std::size_t text_sites_max = 65'536;

_PyInterpreterFrame* complete(_PyInterpreterFrame* frame) {
  while (frame != nullptr && _PyFrame_IsIncomplete(frame)) {
    frame = frame->previous;
  }
  return frame;
}

_PyInterpreterFrame* innermost_frame(const PyThreadState* thread) {
  return thread == nullptr || thread->cframe == nullptr ? nullptr
                                                        : complete(thread->cframe->current_frame);
}

}  // namespace

CallStacks::Id running_stack(Tracing& tracing) noexcept {
  _PyInterpreterFrame* frame = innermost_frame(_PyThreadState_UncheckedGet());
  if (frame == nullptr) {
    return CallStacks::unknown;
  }
  try {
    tracing.new_code.clear();
    CallStacks::Id stack = CallStacks::unknown;
    if (tracing.frames == 1) {
      const RunningFrame running{.instruction = frame->prev_instr, .code = frame->f_code};
      stack = tracing.stacks.add({&running, 1}, 1, current_import, tracing.new_code);
    } else {
      tracing.walk.clear();
      std::uint32_t total = 0;
      for (; frame != nullptr; frame = complete(frame->previous)) {
        if (tracing.walk.size() < tracing.frames) {
          tracing.walk.push_back({.instruction = frame->prev_instr, .code = frame->f_code});
        }
        total += total < std::numeric_limits<std::uint16_t>::max() ? 1 : 0;
      }
      stack = tracing.stacks.add(tracing.walk, total, current_import, tracing.new_code);
    }
    for (const void* const code : tracing.new_code) {
      const auto address = reinterpret_cast<std::uintptr_t>(code);
      if (Block* const known = tracing.blocks.find(address); known != nullptr) {
        known->is_code = 1;
      } else if (!tracing.blocks.put({.address = address, .is_code = 1})) {
        tracing.stacks.forget_code(code);
      }
    }
    return stack;
  } catch (const std::bad_alloc&) {
    return CallStacks::unknown;
  }
}

std::uint32_t running_text_site(Tracing& tracing) noexcept {
  _PyInterpreterFrame* const frame = innermost_frame(PyGILState_GetThisThreadState());
  if (frame == nullptr) {
    return CallStacks::unknown;
  }
  try {
    const int offset = _PyInterpreterFrame_LASTI(frame) * static_cast<int>(sizeof(_Py_CODEUNIT));
    const int line = PyCode_Addr2Line(frame->f_code, offset);
    AllocationTracer::TextSite site{running_text(frame->f_code->co_filename), line < 0 ? 0 : line};
    const auto known = tracing.text_sites.find(site);
    if (known != tracing.text_sites.end()) {
      return known->second;
    }
    if (tracing.text_sites.size() >= text_sites_max) {
      return CallStacks::unknown;
    }
    const auto id = static_cast<std::uint32_t>(tracing.text_site_by_id.size()) | text_flag;
    tracing.text_site_by_id.push_back(
        &tracing.text_sites.emplace(std::move(site), id).first->first);
    return id;
  } catch (const std::bad_alloc&) {
    return CallStacks::unknown;
  }
}

bool holds_gil() {
  PyThreadState* const mine = PyGILState_GetThisThreadState();
  return mine != nullptr && _PyThreadState_UncheckedGet() == mine;
}

}  // namespace heapwatch::check::python::memory
