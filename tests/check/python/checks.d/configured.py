from datadog_checks.checks import AgentCheck


class Configured(AgentCheck):
    def check(self, instance):
        self.warning(repr((self.name, self.check_id, self.init_config, instance)))
