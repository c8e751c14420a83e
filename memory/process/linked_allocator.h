// An allocator that is linked into a program without symbols is known by the program's texts.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "memory/process/modules.h"

namespace heapwatch::memory::process {

/// A text that is looked for in programs, in two parts, so that it is not in ours.
struct SplitText {
  std::string_view begin;
  std::string_view rest;

  [[nodiscard]] constexpr std::size_t size() const { return begin.size() + rest.size(); }
  [[nodiscard]] bool is_in(std::string_view bytes) const;
};

/// What each of jemalloc's messages begins with.
/// Source: jemalloc/jemalloc:src/jemalloc.c (5.0 to 5.3).
inline constexpr SplitText jemalloc_text{"<jemalloc", ">: "};
/// A line of tcmalloc's statistics.
/// Source: gperftools/gperftools:src/tcmalloc.cc and google/tcmalloc:tcmalloc/global_stats.cc.
inline constexpr SplitText tcmalloc_text{"Bytes in page heap", " freelist"};

/// Whether a text is in what the linker wrote and nobody changes. Reads up to 512 MiB, once for a
/// file: looks come again and again. Threads: any.
[[nodiscard]] bool has_text(const ProcessView& view, const Module& module, const SplitText& text);

/// "jemalloc" or "tcmalloc", when it is in a program's file, of which up to 512 MiB are read;
/// empty: none, or the file cannot be read.
[[nodiscard]] std::string_view linked_allocator(const std::string& path);

}  // namespace heapwatch::memory::process
