"""Memory that `profiler: sampled` is to find: each kind by its line. Runs once; what it keeps stays."""
import _tracemalloc
import gc
import json
import threading

from datadog_checks.base import AgentCheck


class Cycle:
    def __init__(self):
        self.me, self.page = self, bytes(20_000)


def corpus():
    made = []
    made.append([str(i) * (i % 9) for i in range(700)])
    made.append({i: (i, float(i)) for i in range(500)})
    made.append(bytearray(100_003))
    made.append([[] for _ in range(300)])
    for i in range(400):
        made[3][i % 300].append(i)
    made.append({chr(0x400 + i): {i} for i in range(200)})
    made.append(type("Made", (), {"x": 1, "y": [1, 2]}))
    made.append([object() for _ in range(100)])
    made.append("%s and %d" % ("text" * 300, 7))
    made.append(bytes(3000) + bytes(6003))
    del made[0][::2], made[7]
    made.append(lambda: made)
    return made


class SampledCheck(AgentCheck):
    kept = []

    def check(self, instance):
        if not self.kept:
            self.kept.append(True)
            getattr(self, instance["does"])(instance)

    def as_tracemalloc(self, instance):
        """What tracemalloc says of each line, to a file."""
        _tracemalloc.start(1)
        self.kept.append(corpus())
        traces = _tracemalloc._get_traces()
        _tracemalloc.stop()
        lines = {}
        for _, size, frames, _ in traces:
            if frames[0][0] == __file__:
                of = lines.setdefault(frames[0][1], [0, 0])
                of[0] += size
                of[1] += 1
        with open(instance["oracle"], "w", encoding="utf-8") as file:
            json.dump(lines, file)

    def arrays(self, _):
        import numpy

        self.kept.append(numpy.zeros(1_000_003, dtype=numpy.int8))
        gone = numpy.zeros(1_000_033, dtype=numpy.int8)
        del gone
        grown = numpy.zeros(1_000_037, dtype=numpy.int8)
        grown.resize(2_000_039)
        self.kept.append(grown)

    def moves(self, _):
        """Between blocks of CPython's own and those that it has from malloc, in a thread, too."""
        growing = bytearray(100)
        growing.extend(bytes(300_000))
        shrinking = bytearray(400_000)
        del shrinking[50:]
        self.kept += [growing, shrinking]
        thread = threading.Thread(target=lambda: self.kept.append(bytearray(700_000)))
        thread.start()
        thread.join()

    def cycles(self, _):
        gc.disable()
        gc.collect()
        for _ in range(100):
            Cycle()
