"""The older base of checks that say whether something on the network answers."""
from datadog_checks.base.check import AgentCheck


class Status:
    UP = "UP"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"
    DOWN = "DOWN"


class EventType:
    """Of events that such checks sent once."""

    UP = "servicecheck.state_change.up"
    DOWN = "servicecheck.state_change.down"


class NetworkCheck(AgentCheck):
    """Such a check defines _check(instance), which returns (status, message) or a list of (name, status, message), and
    report_as_service_check(name, status, instance, message), which is called for each of them."""

    STATUS_TO_SERVICE_CHECK = {Status.UP: AgentCheck.OK, Status.WARNING: AgentCheck.WARNING,
                               Status.CRITICAL: AgentCheck.CRITICAL, Status.DOWN: AgentCheck.CRITICAL}

    def check(self, instance):
        try:
            found = self._check(instance)
        except Exception:
            self.log.exception("Failed to run instance '%s'.", instance.get("name", ""))
            return
        for name, status, message in [(None, *found)] if isinstance(found, tuple) else found or ():
            self.report_as_service_check(name, status, instance, message)

    def _check(self, instance):
        raise NotImplementedError(f"{type(self).__name__} does not define _check(self, instance)")

    def report_as_service_check(self, sc_name, status, instance, msg=None):
        raise NotImplementedError(f"{type(self).__name__} does not define report_as_service_check()")
