#include "agent/pages/own_heap.h"

#include <unistd.h>

#include "base/query.h"
#include "memory/native/watched_process.h"

namespace heapwatch::agent::pages {

base::Result<memory::native::NativeHeap> own_heap(const check::python::PythonLoader& python,
                                                  const net::ServerRequest& request) {
  const bool collect = base::query_value(request.query, "gc").value_or("0") == "1";
  const auto file = python.heap_books(collect);
  memory::native::NativeHeap heap = memory::native::own_native_heap();
  if (!file) {
    if (file.error().kind == base::ErrorKind::not_found) {
      return heap;
    }
    return tl::unexpected(file.error());
  }
  const auto books = memory::native::WatchedProcess::open(*file, getpid(), "heapwatch");
  if (!books) {
    return tl::unexpected(books.error());
  }
  memory::native::append(heap, (*books)->heap(), "");
  return heap;
}

}  // namespace heapwatch::agent::pages
