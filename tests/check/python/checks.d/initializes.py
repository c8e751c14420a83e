from datadog_checks.base import AgentCheck


class Initializes(AgentCheck):
    def __init__(self, name, init_config, instances):
        super().__init__(name, init_config, instances)
        self.tries = 0
        self.check_initializations.append(self.prepare)

    def prepare(self):
        self.tries += 1
        if self.tries == 1:
            raise ValueError("not yet")

    def check(self, instance):
        instance["changed"] = True
        self.warning(f"tries {self.tries}, changed {'changed' in self.instance}")
