// CPython in a watched program: found, hooked and told of in the books.
#pragma once

namespace heapwatch::preload::python {

/// Looks for CPython in the program and the libraries it was started with. Once, while the program
/// has one thread.
void attach() noexcept;

/// The same in a program in which nothing is to be noted yet: nothing is hooked before begin().
void attach_dormant() noexcept;

/// Accounting begins, in whatever state the program is.
void begin() noexcept;

/// A key of pthread is being made: CPython does so when it starts, wherever it was loaded from.
/// `caller`: an address in the code that makes it.
void attach_from(const void* caller) noexcept;

}  // namespace heapwatch::preload::python
