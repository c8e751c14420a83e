"""Keeps 300 KiB a run, imports at its first run, and submits."""
from datadog_checks.base import AgentCheck

__version__ = "1.4.0"


class Leaky(AgentCheck):
    kept = []

    def check(self, instance):
        import colorsys  # nothing else has it

        self.kept.append(bytes(300 * 1024))
        self.last = [colorsys.rgb_to_hsv(i, 1.5, 2.5) for i in range(100)]
        for i in range(20):
            self.gauge("leaky.value", i, tags=["i:%d" % i])
        if instance.get("fail"):
            raise ValueError("no luck with %s" % instance.get("name"))
        if instance.get("exit"):
            raise SystemExit(3)
