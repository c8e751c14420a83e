"""The two ways to see what a run allocates: CPython's tracemalloc, and heapwatch's own tracer."""
import gc
import threading
import tracemalloc

import _heapwatch_memory as tracer

from heapwatch_memory.traces import by_stack


class IncompleteTrace(Exception):
    """Something else switched the tracing off while the run went on."""


NEVER = 2**31 - 1  # more allocations than a run has


class quiet_collector:
    """The garbage collector does not start by itself inside; afterwards it goes on as before.

    By its threshold, so that a check which switches it off or on in its run has done so."""

    def __enter__(self):
        self._before = gc.get_threshold()
        gc.set_threshold(NEVER, *self._before[1:])
        return self

    def __exit__(self, *_):
        if self._before is not None and gc.get_threshold()[0] == NEVER:
            gc.set_threshold(*self._before)
        self._before = None


class Tracer:
    """Measures a run: from the same frames, whichever tracer it is."""

    def __init__(self, options):
        self._options = options
        self._quiet = None
        self._lock = threading.Lock()  # of the two that follow
        self._is_through = False
        self._is_given_up = False

    def measure(self, function, run, collect_first):
        if self._is_busy():
            function()
            raise IncompleteTrace("tracemalloc is tracing for someone else already")
        self._is_through = False
        with quiet_collector() as self._quiet:
            if collect_first:
                gc.collect()
            self._begin(run)
            try:
                function()
                if self._options.gc:
                    gc.collect()
            except BaseException:
                if self._is_ours():
                    self._end()
                raise
            if not self._is_ours():
                raise IncompleteTrace("it took so long that the profiles of other checks went on without it")
            try:
                self._look()
            finally:
                self._end()

    def _is_ours(self):
        """Once the function is through: whether the tracing is still this one's, which it then stays."""
        with self._lock:
            self._is_through = not self._is_given_up
            return self._is_through

    def give_up(self):
        """Makes way for another tracer while a run goes on in a thread of its own. False when it is through."""
        with self._lock:
            if self._is_through or self._quiet is None:
                return False
            self._is_given_up = True
        self._quiet.__exit__()
        self._stop_tracing()
        return True


class Tracemalloc(Tracer):
    """What the Datadog Agent measures with."""

    def _is_busy(self):
        return tracemalloc.is_tracing()

    def _begin(self, _run):
        tracemalloc.start(self._options.frames)

    def _look(self):
        if not tracemalloc.is_tracing():
            raise IncompleteTrace("tracemalloc was stopped while the check ran")
        self._snapshot = tracemalloc.take_snapshot()

    def _end(self):
        tracemalloc.stop()

    def _stop_tracing(self):
        tracemalloc.stop()

    def stop(self):
        pass

    def stacks(self):
        return by_stack(self._snapshot)

    def snapshot(self, allows):
        traces = self._snapshot.traces._traces
        return tracemalloc.Snapshot(
            [trace for trace in traces if allows(trace[2][0][0])], self._snapshot.traceback_limit
        )

    def close(self):
        self._snapshot = None


class Native(Tracer):
    """heapwatch's own. Goes on from run to run, so that it knows what earlier runs still hold, until it is closed."""

    def __init__(self, options, frames, with_blocks):
        super().__init__(options)
        self._frames = frames
        self._with_blocks = with_blocks
        self._run = 0
        self._was_own = False
        self._stacks = self._blocks = ()

    def _is_busy(self):
        return False

    def _begin(self, run):
        if self._run == 0:
            tracer.start(self._frames)
        self._run = run
        self._was_own = tracer.own(False)
        tracer.set_run(run)

    def _look(self):
        self._list = []  # tracemalloc makes one too before it looks
        tracer.set_run(0)
        tracer.own(True)
        # At once, and with the collector still off: the books go on, and reports are to be of one moment.
        self._stacks = tracer.stacks(self._run)
        if self._with_blocks:
            self._blocks = tracer.traces(self._run)

    def _end(self):
        tracer.set_run(0)
        tracer.own(self._was_own)

    def _stop_tracing(self):
        tracer.stop()
        tracer.clear()

    def stop(self):
        if not self._is_given_up and not tracer.stop():
            raise IncompleteTrace("the hooks on Python's allocators were taken away while the check ran")

    def stacks(self):
        stacks = {}
        for _, frames, size, count, _, _ in self._stacks:
            total = stacks.setdefault(frames, [0, 0])
            total[0] += size
            total[1] += count
        return stacks

    def snapshot(self, allows):
        """For a tracer that was made `with_blocks`."""
        known = {}
        traces = []
        for trace in self._blocks:
            name = trace[2][0][0]
            if name not in known:
                known[name] = allows(name)
            if known[name]:
                traces.append(trace)
        return tracemalloc.Snapshot(traces, self._frames)

    def close(self):
        self._stacks = self._blocks = ()
        if not self._is_given_up:
            self._stop_tracing()
