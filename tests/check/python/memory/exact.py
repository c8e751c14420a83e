"""Leaves blocks of known sizes, as its instance says run by run."""
from datadog_checks.base import AgentCheck


class Exact(AgentCheck):
    runs = 0

    def check(self, instance):
        step = instance["steps"][min(self.runs, len(instance["steps"]) - 1)]
        self.runs += 1
        self.first = bytearray(step[0])
        self.second = bytearray(step[1])
        self.third = [
            bytearray(step[2])
        ]
