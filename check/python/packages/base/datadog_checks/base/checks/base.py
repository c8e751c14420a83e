"""Another name for the base class, and what comes with it."""
from datadog_checks.base.check import AgentCheck
from datadog_checks.base.constants import ServiceCheck

__all__ = ["AgentCheck", "ServiceCheck"]
