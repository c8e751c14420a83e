"""Evaluates the calls of its configuration and reports what each came to."""
import importlib

from datadog_checks.base import AgentCheck

MODULES = ("aggregator", "datadog_agent", "util", "_util", "tagger", "kubeutil", "containers", "sys", "os", "json", "threading")


class Evaluate(AgentCheck):
    def check(self, instance):
        known = {name: importlib.import_module(name) for name in MODULES}
        known.update(self=self, id=self.check_id)
        for call in instance["calls"]:
            try:
                self.warnings.append(repr(eval(call, known)))
            except Exception as error:
                self.warnings.append(f"{type(error).__name__}: {error}")
