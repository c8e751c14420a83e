import sys

from datadog_checks.base import AgentCheck


class Exits(AgentCheck):
    def check(self, instance):
        sys.exit(3)
