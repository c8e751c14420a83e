"""AgentCheck: what a check submits, says and returns."""
import copy
import json
import logging
import traceback

import aggregator

from datadog_checks.base import run_hook


def _texts(tags):
    return [tag.decode() if isinstance(tag, bytes) else tag for tag in tags or () if tag is not None]


class AgentCheck:
    """A check derives from this and defines check(self, instance)."""

    OK, WARNING, CRITICAL, UNKNOWN = range(4)
    __NAMESPACE__ = ""

    def __init__(self, *args, **kwargs):
        names = ("name", "init_config", "instances") if len(args) < 4 else ("name", "init_config", "agentConfig", "instances")
        given = {**dict(zip(names, args)), **kwargs}
        self.name = given.get("name") or ""
        self.init_config = given.get("init_config") or {}
        self.agentConfig = given.get("agentConfig") or {}
        self.instances = given.get("instances") or []
        self.instance = self.instances[0] if self.instances else None
        self.check_id = ""
        self.check_initializations = []
        self.warnings = []
        self.log = logging.getLogger(f"{__name__}.{self.name}")

    def check(self, instance):
        raise NotImplementedError

    def cancel(self):
        """Called when the check is taken out of service."""

    def run(self):
        """Runs once; "" or the error as JSON."""
        try:
            while self.check_initializations:
                self.check_initializations[0]()
                self.check_initializations.pop(0)
            run_hook.call(self, copy.deepcopy(self.instances[0]))
            return ""
        except Exception as error:
            report = [{"message": str(error), "traceback": traceback.format_exc()}]
            return json.dumps(report, separators=(",", ":"))

    def warning(self, text, *args):
        message = str(text) % args if args else str(text)
        self.log.warning(message)
        self.warnings.append(message)

    def get_warnings(self):
        warnings, self.warnings = self.warnings, []
        return warnings

    def _qualified(self, name, raw):
        return name if raw or not self.__NAMESPACE__ else f"{self.__NAMESPACE__}.{name}"

    def _submit(self, kind, name, value, tags, hostname, raw, flush_first_value=False):
        if value is None:
            return
        try:
            number = float(value)
        except (TypeError, ValueError):
            self.warning("Metric: %r has non float value: %r. Only float values can be submitted as metrics.", name, value)
            return
        aggregator.submit_metric(
            self, self.check_id, kind, self._qualified(name, raw), number, _texts(tags), hostname or "", flush_first_value
        )

    def gauge(self, name, value, tags=None, hostname=None, raw=False):
        self._submit(aggregator.GAUGE, name, value, tags, hostname, raw)

    def rate(self, name, value, tags=None, hostname=None, raw=False):
        self._submit(aggregator.RATE, name, value, tags, hostname, raw)

    def count(self, name, value, tags=None, hostname=None, raw=False):
        self._submit(aggregator.COUNT, name, value, tags, hostname, raw)

    def monotonic_count(self, name, value, tags=None, hostname=None, raw=False, flush_first_value=False):
        self._submit(aggregator.MONOTONIC_COUNT, name, value, tags, hostname, raw, flush_first_value)

    def histogram(self, name, value, tags=None, hostname=None, raw=False):
        self._submit(aggregator.HISTOGRAM, name, value, tags, hostname, raw)

    def historate(self, name, value, tags=None, hostname=None, raw=False):
        self._submit(aggregator.HISTORATE, name, value, tags, hostname, raw)

    def increment(self, name, value=1, tags=None, hostname=None, raw=False):
        self._submit(aggregator.COUNTER, name, value, tags, hostname, raw)

    def decrement(self, name, value=-1, tags=None, hostname=None, raw=False):
        self._submit(aggregator.COUNTER, name, value, tags, hostname, raw)

    def service_check(self, name, status, tags=None, hostname=None, message=None, raw=False):
        aggregator.submit_service_check(
            self, self.check_id, self._qualified(name, raw), status, _texts(tags), hostname or "", message or ""
        )

    def event(self, event):
        sent = dict(event)
        if "tags" in sent:
            sent["tags"] = _texts(sent["tags"])
        aggregator.submit_event(self, self.check_id, sent)
