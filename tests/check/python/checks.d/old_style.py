from datadog_checks.base import AgentCheck


class OldStyle(AgentCheck):
    def __init__(self, name, init_config, agentConfig, instances):
        super().__init__(name, init_config, agentConfig, instances)

    def check(self, instance):
        self.warning("old")
