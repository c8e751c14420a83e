"""A check that keeps, after each run, what one of many kinds of Python code makes; `what` says which."""
import gc
import json
import os
import threading
import time

from datadog_checks.base import AgentCheck

__version__ = "2.5.0"


def documents(n):
    kept = []
    for i in range(n):
        text = json.dumps({"id": i, "tags": ["a%d" % i, "b"], "metrics": {"cpu": i * 1.5, "memory": [i, i + 1]}})
        document = json.loads(text)
        document["copy"] = {key: value for key, value in document.items()}
        if i % 10 == 0:
            kept.append(document)
    return kept


def churn(n):
    kept = []
    for i in range(n):
        kept.append((i, i + 1.5, {i: [i]}, dict(a=i), list(range(3)), [i] * 2, (i,) * 7))
        if i % 3 == 0:
            kept.pop(0)
    return kept


def classes(n):
    return [type("C%d" % i, (), {"a": i, "method": lambda self: self}) for i in range(n // 10)]


def generators(n):
    def count():
        yield from range(100)

    started = [count() for _ in range(n)]
    for generator in started:
        next(generator)
    return started


def evaluated(n):
    """Code objects that come and go, mostly at the same addresses."""
    kept = []
    for i in range(n):
        eval("1 + %d" % i)
        function = eval("lambda x: [x, %d]" % i)
        kept.append(function(i) if i % 5 else function)
    return kept


def strings(n):
    return ["%d-%s" % (i, "x" * i) for i in range(n)], [bytes(i) for i in range(n)], [bytearray(i) for i in range(n)]


def sets(n):
    return [set(range(i % 50)) for i in range(n)], [frozenset((i, i + 1)) for i in range(n)]


def errors(n):
    kept = []
    for i in range(n):
        try:
            raise ValueError(i)
        except ValueError as error:
            if i % 7 == 0:
                kept.append(error)
    return kept


def floats(n):
    values = [i * 0.5 for i in range(n)]
    return [sum(values[i : i + 3]) / 3 for i in range(0, n, 10)]


def in_threads(n):
    kept = []
    threads = [threading.Thread(target=lambda i=i: kept.append([i] * i)) for i in range(n // 20)]
    for thread in threads:
        thread.start()
        thread.join()
        state = "/proc/self/task/%d" % thread.native_id
        while os.access(state, os.F_OK):  # until it is gone: its state is freed after the join
            time.sleep(0)
    return kept


def large(n):
    return [list(range(i)) for i in range(n)], "y" * 1_000_000


def grown(n):
    """Blocks that are moved again and again."""
    values = []
    for i in range(n):
        values.append(bytearray())
        for _ in range(20):
            values[-1].extend(b"0123456789")
    return values


def recursion(n):
    def nested(depth):
        return [depth, nested(depth - 1)] if depth else []

    return nested(min(n, 400))


def collected(n):
    """Free lists that are emptied in the middle of a run."""
    kept = []
    for i in range(n):
        kept.append([i, (i, i), {"i": i}, i * 0.5])
        if i % 100 == 99:
            del kept[::2]
            gc.collect()
    return kept


class Counted(dict):
    """A subclass, which has no free list."""


def subclasses(n):
    row = type("Row", (tuple,), {})
    return [Counted(i=i) for i in range(n)], [row((i, i)) for i in range(n)], [bool(i) + 0.5 for i in range(n)]


def resized(n):
    """Tuples that are made longer or shorter than they began."""
    return [tuple(i for i in range(n % 25)) for n in range(n)], [tuple(map(str, range(n % 25))) for n in range(n)]


class Corpus(AgentCheck):
    state = None

    def check(self, instance):
        if not instance.get("replace"):
            self.state = None  # what the last run left goes first
        self.state = globals()[instance["what"]](instance.get("n", 400))
