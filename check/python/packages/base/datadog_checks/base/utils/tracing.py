"""Tracing of checks: taken, and without effect."""

INTEGRATION_TRACING_SERVICE_NAME = "datadog-agent-integrations"


def traced_class(cls):
    return cls


def tracing_method(method, *_, **__):
    return method


def tracing_enabled():
    return False, False
