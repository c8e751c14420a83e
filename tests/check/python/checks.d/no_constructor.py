from datadog_checks.base import AgentCheck


class NoConstructor(AgentCheck):
    def __init__(self):
        pass
