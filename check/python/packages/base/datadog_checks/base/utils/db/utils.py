"""What queries and the checks of databases share."""
import datetime
import decimal
import socket
import time

import datadog_agent

from datadog_checks.base.utils.time import ensure_aware_datetime

normalize_datetime = ensure_aware_datetime

# Methods of a check, and the types of columns that are submitted by them.
SUBMISSION_METHODS = {"gauge": "gauge", "count": "count", "monotonic_count": "monotonic_count", "rate": "rate",
                      "histogram": "histogram", "historate": "historate", "set_metadata": "metadata",
                      "service_check": "__service_check"}


def create_submission_transformer(submit):
    """The type of column whose values go to `submit(name, value)`."""

    def of_column(_transformers, *name, **modifiers):
        def transform(_sources, *value, **options):
            submit(*name, *value, **{**options, **modifiers})

        return transform

    return of_column


def create_extra_transformer(transformer, source=None):
    """A transformer of columns that takes its value from a source that has been read already."""
    if not source:
        return transformer
    return lambda sources, **options: transformer(sources, sources[source], **options)


class ConstantRateLimiter:
    """sleep() returns at most so many times a second; 0: as often as it is called."""

    def __init__(self, rate_limit_s):
        self.rate_limit_s = max(rate_limit_s, 0)
        self.period_s = 1 / self.rate_limit_s if self.rate_limit_s else 0
        self.last_event = 0

    def sleep(self):
        time.sleep(max(0, self.last_event + self.period_s - time.time()))
        self.last_event = time.time()


def resolve_db_host(db_host):
    """The agent's own name when the database is on its machine, else the name that is given."""
    own = datadog_agent.get_hostname()
    if not db_host or db_host in ("localhost", "127.0.0.1") or db_host.startswith("/"):
        return own
    try:
        address = socket.gethostbyname(db_host)
    except (OSError, UnicodeError):
        return own  # the folder of a socket, perhaps
    try:
        return own if socket.gethostbyname(own) == address else db_host
    except (OSError, UnicodeError):
        return db_host


def default_json_event_encoding(value):
    """For json.dumps(default=...): numbers and times as databases give them."""
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not for JSON")
