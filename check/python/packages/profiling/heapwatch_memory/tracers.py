"""The two ways to see what a run allocates: CPython's tracemalloc, and heapwatch's own tracer."""
import gc
import tracemalloc

import _heapwatch_memory as tracer

from heapwatch_memory.traces import by_stack


class IncompleteTrace(Exception):
    """Something else switched the tracing off while the run went on."""


class quiet_collector:
    """No garbage collection inside but the one at its start; afterwards as before."""

    def __enter__(self):
        self._was_enabled = gc.isenabled()
        gc.disable()
        gc.collect()

    def __exit__(self, *_):
        if self._was_enabled:
            gc.enable()


class Tracer:
    """Measures a run: from the same frames, whichever tracer it is."""

    def __init__(self, options):
        self._options = options

    def measure(self, function, run):
        if self._is_busy():
            function()
            raise IncompleteTrace("tracemalloc is tracing for someone else already")
        with quiet_collector():
            self._begin(run)
            try:
                function()
                if self._options.gc:
                    gc.collect()
                self._look()
            finally:
                self._end()


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
        self._stacks = self._blocks = ()

    def _is_busy(self):
        return False

    def _begin(self, run):
        if self._run == 0:
            tracer.start(self._frames)
        self._run = run
        tracer.set_run(run)

    def _look(self):
        self._list = []  # tracemalloc makes one too before it looks
        tracer.set_run(0)
        # At once, and with the collector still off: the books go on, and reports are to be of one moment.
        self._stacks = tracer.stacks(self._run)
        if self._with_blocks:
            self._blocks = tracer.traces(self._run)

    def _end(self):
        tracer.set_run(0)

    def stop(self):
        if not tracer.stop():
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
        tracer.stop()
        tracer.clear()
