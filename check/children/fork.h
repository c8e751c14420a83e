// What a child of the agent has that forks and goes on without an exec.
#pragma once

namespace heapwatch::check::children {

/// From now on the child of a fork, whoever calls it and on which thread, begins as a process of
/// its own: signals do what they do by default and are not blocked, none of the program's own
/// descriptors is open, and it is in the group that ends with the agent. SIGPIPE stays ignored
/// where it was, as Python wants it.
///
/// Once, before the first fork.
void prepare_forks() noexcept;

}  // namespace heapwatch::check::children
