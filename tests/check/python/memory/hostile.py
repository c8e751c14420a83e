"""Does to the profiler what no check should."""
import gc
import sys
import threading
import tracemalloc

from datadog_checks.base import AgentCheck


class Hostile(AgentCheck):
    def check(self, instance):
        getattr(self, instance["does"])()
        self.gauge("hostile.done", 1)

    def nests_deeply(self):
        for make in (lambda inner: [inner], lambda inner: (inner,), lambda inner: {"k": inner}):
            nest = None
            for _ in range(100_000):
                nest = make(nest)
            del nest

    def uses_tracemalloc(self):
        tracemalloc.start(5)
        self.kept = [bytes(1000) for _ in range(100)]
        tracemalloc.take_snapshot()
        tracemalloc.stop()

    def turns_collector(self):
        gc.callbacks.clear()
        gc.enable()
        gc.set_threshold(1)
        self.kept = [[i, {i: (i,)}] for i in range(2000)]
        gc.set_threshold(700)

    def replaces_imports(self):
        import _frozen_importlib

        _frozen_importlib._find_and_load = _frozen_importlib._find_and_load
        import this_module_does_not_exist_but_the_check_does_not_mind  # noqa: F401

    def runs_others_in_threads(self):
        done = []

        def work(i):
            other = Hostile("hostile", {}, [{"does": "turns_collector"}])
            other.check_id = "hostile:%d" % i
            done.append(other.run())

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if done != [""] * 4:
            raise AssertionError(done)

    def has_odd_sizes(self):
        class Odd:
            def __sizeof__(self):
                raise RuntimeError("no size")

        self.kept = [Odd() for _ in range(10)]

    def recurses(self):
        limit = sys.getrecursionlimit()

        def down(depth):
            return [down(depth - 1)] if depth else []

        self.kept = down(limit - 200)
