"""What queries and the checks of databases share."""
import contextlib
import datetime
import decimal
import ipaddress
import json
import time

import datadog_agent

from datadog_checks.base.utils.common import to_native_string
from datadog_checks.base.utils.db.host import get_agent_host_tags, resolve_db_host
from datadog_checks.base.utils.db.jobs import DBMAsyncJob
from datadog_checks.base.utils.db.limits import ConstantRateLimiter, RateLimitingTTLCache
from datadog_checks.base.utils.db.tags import TagManager, TagType
from datadog_checks.base.utils.time import ensure_aware_datetime

__all__ = ["ConstantRateLimiter", "DBMAsyncJob", "DbRow", "RateLimitingTTLCache", "SUBMISSION_METHODS", "TagManager", "TagType",
           "create_extra_transformer", "create_submission_transformer", "default_json_event_encoding", "get_agent_host_tags",
           "normalize_datetime", "now_ms", "obfuscate_sql_with_metadata", "resolve_db_host", "tracked_query"]

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


def now_ms():
    return int(time.time() * 1000)


def default_json_event_encoding(value):
    """For json.dumps(default=...): numbers, times, addresses and texts as databases give them."""
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    if isinstance(value, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("utf-8", "replace")
    raise TypeError(f"{type(value).__name__} is not for JSON")


class DbRow:
    """A row, and what is known of the statement in it."""

    class Metadata:
        def __init__(self, metadata=None):
            known = metadata or {}
            self.tables_csv, self.commands, self.comments = (known.get(key) for key in ("tables_csv", "commands", "comments"))

        def parse_tables_csv(self):
            return self.tables_csv.split(",") if self.tables_csv else []

    def __init__(self, row, metadata=None):
        self.data = row
        self.metadata = metadata if isinstance(metadata, self.Metadata) else self.Metadata(metadata)


def obfuscate_sql_with_metadata(query, options=None, replace_null_character=False):
    """{"query": the statement without its values, "metadata": its tables, commands, comments}. `options` are JSON."""
    if not query:
        return {"query": "", "metadata": {}}
    if replace_null_character:
        query = query.replace("\x00", "")
    said = to_native_string(datadog_agent.obfuscate_sql(query, options) if options else datadog_agent.obfuscate_sql(query)).strip()
    if not said.startswith("{"):  # options that do not ask for JSON
        return {"query": said, "metadata": {}}
    statement = json.loads(said)
    metadata = statement.setdefault("metadata", {})
    tables = metadata.pop("tables_csv", None)
    metadata["tables"] = [table.strip() for table in tables.split(",") if table] if tables else None
    return statement


@contextlib.contextmanager
def tracked_query(check, operation, tags=None):
    """Submits how long a query took, as `dd.<check>.operation.time`."""
    options = dict(check.debug_stats_kwargs()) if hasattr(check, "debug_stats_kwargs") else {}
    options["tags"] = [*(options.get("tags") or ()), f"operation:{operation}", *(tags or ())]
    began = time.monotonic()
    yield
    check.histogram(f"dd.{check.name}.operation.time", (time.monotonic() - began) * 1000, **{**options, "raw": True})
