"""The base of checks of databases."""
from datadog_checks.base.check import AgentCheck


class DatabaseCheck(AgentCheck):
    """Jobs of such a check ask it for these; a subclass defines what it has."""

    @property
    def reported_hostname(self):
        return None

    @property
    def database_identifier(self):
        return self.name

    @property
    def dbms(self):
        return type(self).__name__.lower()

    @property
    def dbms_version(self):
        return ""

    @property
    def cloud_metadata(self):
        return {}
