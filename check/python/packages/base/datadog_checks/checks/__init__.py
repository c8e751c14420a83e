"""Older names of what is in datadog_checks.base.checks; the agent looks for the base class here."""
from datadog_checks.base import older_names
from datadog_checks.base.check import AgentCheck
from datadog_checks.base.checks.network import EventType, NetworkCheck, Status

older_names.answer_for("datadog_checks.checks", "datadog_checks.base.checks")

__all__ = ["AgentCheck", "EventType", "NetworkCheck", "Status"]


def __getattr__(name):
    if name == "OpenMetricsBaseCheck":
        from datadog_checks.base.checks.openmetrics import OpenMetricsBaseCheck

        return OpenMetricsBaseCheck
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
