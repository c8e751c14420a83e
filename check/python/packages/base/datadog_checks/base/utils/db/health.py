"""What a check of a database says of itself: whether it could begin, and what went wrong since."""
import enum
import json
import time

import datadog_agent


class HealthEvent(enum.Enum):
    INITIALIZATION = "initialization"
    UNKNOWN_ERROR = "unknown_error"
    MISSED_COLLECTION = "missed_collection"


class HealthStatus(enum.Enum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    UNKNOWN = "unknown"


def _text(value):
    return value.value if isinstance(value, enum.Enum) else str(value)


class Health:
    def __init__(self, check):
        self.check = check
        self._told = {}  # when an event was told that has a cooldown

    def submit_health_event(self, name, status, tags=None, cooldown=False, cooldown_time=300, cooldown_values=None, data=None, **more):
        """`cooldown`: the same event, with the same status and values, is told once in `cooldown_time` seconds."""
        if cooldown:
            key, now = (_text(name), _text(status), *map(str, cooldown_values or ())), time.monotonic()
            self._told = {told: ends for told, ends in self._told.items() if ends > now}
            if key in self._told:
                return
            self._told[key] = now + cooldown_time
        event = {"timestamp": time.time() * 1000, "version": 1, "check_id": self.check.check_id,
                 "category": type(self.check).__name__, "name": _text(name), "status": _text(status), "tags": list(tags or ()),
                 "ddagentversion": datadog_agent.get_version(), "ddagenthostname": datadog_agent.get_hostname(),
                 "data": {**(data or {}), **more}}
        self.check.database_monitoring_health(json.dumps(event, default=_text))
