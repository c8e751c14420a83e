"""Another name for the base class."""
from datadog_checks.base.check import AgentCheck

__all__ = ["AgentCheck"]
