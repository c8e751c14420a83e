"""Tokens of OAuth servers, which self.http does not ask for."""
from datadog_checks.base.errors import ConfigurationError


class AuthTokenOAuthReader:
    """Named by checks that can ask for tokens; those that are told to need Datadog's base package."""

    def __init__(self, _config=None):
        raise ConfigurationError("tokens from an OAuth server need Datadog's base package: set HEAPWATCH_DATADOG_CHECKS_BASE")
