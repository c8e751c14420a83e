"""What memory profiling costs: one run's work unprofiled and under each tracer, as ratios of CPU time.

Submits them as gauges: heapwatch -c tests/bench/python/heapwatch.yaml check profile_bench --dogstatsd
"""
import json
import logging
import shutil
import tempfile
import time

from datadog_checks.base import AgentCheck
from heapwatch_memory.options import Options
from heapwatch_memory.profiler import FileProfile, LiveProfile


def work(n):
    """JSON and dicts, a tenth of them kept."""
    kept = []
    for i in range(n):
        text = json.dumps(
            {"id": i, "tags": ["a%d" % i, "b", "c"], "metrics": {"cpu": i * 1.5, "mem": [i, i + 1]}, "name": "host-%d" % i}
        )
        document = json.loads(text)
        document["copy"] = {key: value for key, value in document.items()}
        if i % 10 == 0:
            kept.append(document)
    return kept


def nested(depth, function):
    """Called from as deep as real checks call."""
    return nested(depth - 1, function) if depth else function()


class Silent:
    """Stands for a check, and takes what a profile has to say."""

    name = check_id = "bench"
    check_version = "0"
    instances = [{}]
    log = logging.getLogger("bench")

    def gauge(self, *_args, **_keywords):
        pass


class ProfileBench(AgentCheck):
    def check(self, instance):
        size, depth, repetitions = instance["size"], instance["depth"], instance["repetitions"]
        folder = tempfile.mkdtemp()

        def live(**options):
            return lambda function: LiveProfile(Silent(), Options(**options)).run(function)

        def report(**options):
            return lambda function: FileProfile(Silent(), Options(**options), folder).run(function)

        ways = {
            "unprofiled": lambda function: function(),
            "native": live(),
            "native_100": live(combine=True),
            "tracemalloc_1": live(profiler="tracemalloc", frames=1),
            "tracemalloc_100": live(profiler="tracemalloc"),
            "report_native": report(),
            "report_tracemalloc": report(profiler="tracemalloc"),
        }
        best = dict.fromkeys(ways, float("inf"))
        try:
            for _ in range(repetitions):
                for name, way in ways.items():
                    began = time.process_time()
                    way(lambda: nested(depth, lambda: work(size)))
                    best[name] = min(best[name], time.process_time() - began)
        finally:
            shutil.rmtree(folder)
        for name, seconds in best.items():
            self.gauge("bench.profile.%s" % name, round(seconds / best["unprofiled"], 2), tags=["depth:%d" % depth])
