"""The base class of checks."""
from datadog_checks.base.check import AgentCheck

__all__ = ["AgentCheck"]
