"""HTTP headers that name the agent."""
from datadog_agent import headers

__all__ = ["headers"]
