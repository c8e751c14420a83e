import sys

from datadog_checks.base import AgentCheck


class Cancelled(AgentCheck):
    def check(self, instance):
        pass

    def cancel(self):
        sys.cancelled = getattr(sys, "cancelled", 0) + 1
        if self.instance.get("fails"):
            raise ValueError("cannot cancel")
