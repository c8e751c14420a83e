from datadog_checks.base import AgentCheck


class Fails(AgentCheck):
    def check(self, instance):
        self.gauge("before", 1)
        raise ValueError('no "luck"')
