// Allocators and runtimes that are recognised and named, and not looked into.
#pragma once

#include "memory/picture.h"

namespace heapwatch::memory::mappings {

/// Gives anonymous memory that is left to the allocator or runtime that is loaded: jemalloc,
/// tcmalloc, mimalloc, musl's malloc, sanitizers, the collector of gcc's compilers, V8, the JVM,
/// .NET, Ruby, PHP, LuaJIT, Erlang's, InnoDB. By elimination, so it comes after
/// every reader that knows its memory; with two of them loaded nothing tells whose it is, and the
/// row names both.
[[nodiscard]] Found find_allocators(const Look& look);

}  // namespace heapwatch::memory::mappings
