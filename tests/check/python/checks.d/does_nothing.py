from datadog_checks.base import AgentCheck


class DoesNothing(AgentCheck):
    pass
