#include "check/python/memory/held_tables.h"

#include <map>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "check/python/memory/allocation_tracer.h"
#include "check/python/memory/import_watch.h"
#include "check/python/memory/memory_profile.h"

namespace heapwatch::check::python::memory {

namespace {

/// Tuples that many stacks share, each made once.
class Frames {
 public:
  /// Of (file, line) from the innermost; one of ("<unknown>", 0) when nothing is known.
  PyObject* of(CallStacks::Id stack) {
    Object& frames = by_stack_[stack];
    if (!frames) {
      frames = make(stack);
    }
    return frames.get();
  }

 private:
  Object make(CallStacks::Id stack) {
    if (const auto* const site = tracer().text_site(stack); site != nullptr) {
      const Object file(PyUnicode_DecodeUTF8(
          site->first.data(), static_cast<Py_ssize_t>(site->first.size()), "surrogatepass"));
      return Object(file ? Py_BuildValue("((Oi))", file.get(), site->second) : nullptr);
    }
    const auto sites = tracer().stacks().sites_of(stack);
    if (sites.empty()) {
      return Object(Py_BuildValue("((si))", "<unknown>", 0));
    }
    Object frames(PyTuple_New(static_cast<Py_ssize_t>(sites.size())));
    for (std::size_t i = 0; frames && i < sites.size(); ++i) {
      PyObject* const frame = frame_of(sites[i]);
      if (frame == nullptr) {
        return nullptr;
      }
      PyTuple_SET_ITEM(frames.get(), static_cast<Py_ssize_t>(i), Py_NewRef(frame));
    }
    return frames;
  }

  PyObject* frame_of(CallStacks::SiteId id) {
    Object& frame = by_site_[id];
    if (!frame) {
      const Site& site = tracer().stacks().site(id);
      frame.reset(Py_BuildValue("(Oi)", site.file.get(), site.line));
    }
    return frame.get();
  }

  std::map<CallStacks::Id, Object> by_stack_;
  std::map<CallStacks::SiteId, Object> by_site_;
};

std::uint32_t import_of(CallStacks::Id stack) {
  return tracer().text_site(stack) != nullptr ? 0 : tracer().stacks()[stack].import;
}

Object import_name(std::uint32_t import) {
  return import == 0 ? borrow(Py_None) : make_text(ImportWatch::instance().name(import));
}

bool append(PyObject* list, PyObject* element) {
  const Object owned(element);
  return owned && PyList_Append(list, owned.get()) == 0;
}

struct Total {
  std::uint64_t size = 0;
  std::uint64_t count = 0;
  void add(const Block& block) {
    size += block.size;
    ++count;
  }
};

/// Which files belong to heapwatch's own Python code.
class OwnFiles {
 public:
  explicit OwnFiles(PyObject* prefixes) : prefixes_(prefixes) {}

  /// The frame that a block is put down to: the innermost one outside of these files, or else the
  /// innermost of all.
  Py_ssize_t frame_of(CallStacks::Id stack, PyObject* frames) {
    const auto sites = tracer().stacks().sites_of(stack);
    for (std::size_t i = 0; i < sites.size(); ++i) {
      if (!is_own(sites[i], PyTuple_GET_ITEM(PyTuple_GET_ITEM(frames, i), 0))) {
        return static_cast<Py_ssize_t>(i);
      }
    }
    return 0;
  }

 private:
  bool is_own(CallStacks::SiteId site, PyObject* file) {
    const auto [known, is_new] = known_.try_emplace(site, false);
    if (is_new) {
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(prefixes_); ++i) {
        known->second = known->second || PyUnicode_Tailmatch(file, PyTuple_GET_ITEM(prefixes_, i),
                                                             0, PY_SSIZE_T_MAX, -1) == 1;
      }
    }
    return known->second;
  }

  PyObject* prefixes_;
  std::unordered_map<CallStacks::SiteId, bool> known_;
};

}  // namespace

PyObject* stacks(PyObject* /*module*/, PyObject* args) {
  unsigned int run = 0;
  if (PyArg_ParseTuple(args, "I", &run) == 0) {
    return nullptr;
  }
  std::map<std::pair<CallStacks::Id, MemoryDomains::Index>, Total> totals;
  for (const Block& block : tracer().held()) {
    if (block.run == run && block.reused == 0 && (run != 0 || block.own == 0)) {
      totals[{block.stack, block.domain}].add(block);
    }
  }
  Object list(PyList_New(0));
  Frames frames;
  for (const auto& [key, total] : totals) {
    const Object import = import_name(import_of(key.first));
    if (!list || !import ||
        !append(list.get(),
                Py_BuildValue("(IOKKOs)", key.first, frames.of(key.first), total.size, total.count,
                              import.get(), tracer().domain_name(key.second).c_str()))) {
      return nullptr;
    }
  }
  return list.release();
}

PyObject* traces(PyObject* /*module*/, PyObject* args) {
  unsigned int run = 0;
  if (PyArg_ParseTuple(args, "I", &run) == 0) {
    return nullptr;
  }
  Object list(PyList_New(0));
  Frames frames;
  std::map<std::tuple<CallStacks::Id, std::uint64_t, MemoryDomains::Index>, Object> shared;
  for (const Block& block : tracer().held()) {
    if (block.run != run || block.reused != 0) {
      continue;
    }
    Object& trace = shared[{block.stack, block.size, block.domain}];
    if (!trace) {
      const bool is_text = tracer().text_site(block.stack) != nullptr;
      const std::uint32_t total = is_text ? 1 : tracer().stacks()[block.stack].total;
      trace.reset(Py_BuildValue("(IKOI)", tracer().domain_number(block.domain),
                                static_cast<unsigned long long>(block.size), frames.of(block.stack),
                                total == 0 ? 1U : total));
    }
    if (!list || !trace || PyList_Append(list.get(), trace.get()) != 0) {
      return nullptr;
    }
  }
  return list.release();
}

PyObject* lines(PyObject* /*module*/, PyObject* args) {
  unsigned int run = 0;
  PyObject* own_folders = nullptr;
  if (PyArg_ParseTuple(args, "IO!", &run, &PyTuple_Type, &own_folders) == 0) {
    return nullptr;
  }
  struct Line {
    Total all;
    std::uint64_t earlier = 0;
    std::uint64_t between = 0;
  };
  std::map<CallStacks::Id, Line> by_stack;
  for (const Block& block : tracer().held(false)) {
    if (block.run <= run && (block.run != AllocationTracer::between_runs || block.own == 0)) {
      Line& line = by_stack[block.stack];
      line.all.add(block);
      line.earlier += block.run < run ? block.size : 0;
      line.between += block.run == AllocationTracer::between_runs ? block.size : 0;
    }
  }
  Object list(PyList_New(0));
  Frames frames;
  OwnFiles own_files(own_folders);
  for (const auto& [stack, line] : by_stack) {
    PyObject* const all = frames.of(stack);
    const Object import = import_name(import_of(stack));
    if (!list || all == nullptr || !import) {
      return nullptr;
    }
    PyObject* const frame = PyTuple_GET_ITEM(
        all, tracer().text_site(stack) != nullptr ? 0 : own_files.frame_of(stack, all));
    if (!append(list.get(), Py_BuildValue("(OOOKKKK)", PyTuple_GET_ITEM(frame, 0),
                                          PyTuple_GET_ITEM(frame, 1), import.get(), line.all.size,
                                          line.all.count, line.earlier, line.between))) {
      return nullptr;
    }
  }
  return list.release();
}

PyObject* native_calls(PyObject* /*module*/, PyObject* /*args*/) {
  Object list(PyList_New(0));
  Frames frames;
  for (const auto& [stack, calls] : tracer().native_calls()) {
    PyObject* const all = frames.of(stack);
    if (!list || all == nullptr) {
      return nullptr;
    }
    if (!append(list.get(), Py_BuildValue("(OKK)", all, calls.allocations, calls.bytes))) {
      return nullptr;
    }
  }
  return list.release();
}

PyObject* native_held(PyObject* /*module*/, PyObject* /*args*/) {
  std::uint64_t bytes = 0;
  for (const Block& block : tracer().held()) {
    bytes += block.domain == MemoryDomains::native && block.run != AllocationTracer::between_runs
                 ? block.size
                 : 0;
  }
  return PyLong_FromUnsignedLongLong(bytes);
}

PyObject* domains(PyObject* /*module*/, PyObject* /*args*/) {
  std::map<MemoryDomains::Index, Total> totals;
  for (const Block& block : tracer().held()) {
    if (block.domain != MemoryDomains::python && block.domain != MemoryDomains::native &&
        block.own == 0) {
      totals[block.domain].add(block);
    }
  }
  Object list(PyList_New(0));
  for (const auto& [domain, total] : totals) {
    if (!list || !append(list.get(), Py_BuildValue("(sKK)", tracer().domain_name(domain).c_str(),
                                                   total.count, total.size))) {
      return nullptr;
    }
  }
  return list.release();
}

PyObject* profile(PyObject* /*module*/, PyObject* args) {
  PyObject* ids = nullptr;
  const char* check_id = nullptr;
  if (PyArg_ParseTuple(args, "Os", &ids, &check_id) == 0) {
    return nullptr;
  }
  std::set<CallStacks::Id> kept;
  const Object iterator(PyObject_GetIter(ids));
  if (!iterator) {
    return nullptr;
  }
  while (const Object id{PyIter_Next(iterator.get())}) {
    const unsigned long number = PyLong_AsUnsignedLong(id.get());
    if (PyErr_Occurred() != nullptr) {
      return nullptr;
    }
    kept.insert(static_cast<CallStacks::Id>(number));
  }
  if (PyErr_Occurred() != nullptr) {
    return nullptr;
  }
  const std::string proto = memory_profile(tracer(), kept, check_id);
  return PyBytes_FromStringAndSize(proto.data(), static_cast<Py_ssize_t>(proto.size()));
}

}  // namespace heapwatch::check::python::memory
