from datadog_checks.base import AgentCheck


class AParent(AgentCheck):
    def check(self, instance):
        self.warning("parent")


class BChild(AParent):
    def check(self, instance):
        self.warning("child")
