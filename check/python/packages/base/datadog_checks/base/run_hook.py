"""What surrounds the call of a check's own code in a run: the place where memory profiling comes in."""

# The agent puts heapwatch_memory.call here when memory is profiled.
profiler = None


def call(check, instance):
    """Calls check.check(instance); `instance` is a copy for this run. What the check raises goes through."""
    if profiler is None:
        check.check(instance)
    else:
        profiler(check, instance)
