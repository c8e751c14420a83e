"""The headers of requests to targets."""
from datadog_agent import headers as _headers


def headers(agent_config=None, **keywords):
    """`agent_config` is what older checks hand in."""
    return _headers(agent_config, **keywords)


def get_default_headers():
    return _headers()


def update_headers(given, extra):
    """Adds to `given` in place; values become text."""
    given.update({name: str(value) for name, value in (extra or {}).items()})
