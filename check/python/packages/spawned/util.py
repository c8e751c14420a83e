"""See aggregator.py."""
from datadog_agent import headers

__all__ = ["headers"]
